using ACCOffload.InfraManager.State.Policy.Felix.Messages;

namespace ACCOffload.InfraManager.State.Policy.Felix.Wire;

/// <summary>
/// Reads a rule. A field that is not known may be a condition of a later Felix: the rule is then undecidable, so that it never allows more
/// than its author wrote.
/// </summary>
internal static class FelixRuleReader
{
    public static FelixRule Read(ProtoReader reader)
    {
        var rule = new FelixRule();
        while (reader.MoveNext())
        {
            switch (reader.Field)
            {
                case 1:
                    rule.Action = reader.Text();
                    break;
                case 2:
                    rule.IpVersion = reader.Int();
                    break;
                case 3:
                    rule.Protocol = Protocol(rule, reader.Message());
                    break;
                case 4:
                    rule.Source.Nets.Add(reader.Text());
                    break;
                case 6:
                    rule.Destination.Nets.Add(reader.Text());
                    break;
                case 7:
                    rule.Ports.Add(Ports(rule, reader.Message()));
                    break;
                case 8:
                    rule.Icmp = new FelixIcmp(reader.Int(), null);
                    break;
                case 9:
                    rule.Icmp = Icmp(rule, reader.Message());
                    break;
                case 10:
                    rule.Source.Sets.Add(reader.Text());
                    break;
                case 11:
                    rule.Destination.Sets.Add(reader.Text());
                    break;
                case 13:
                    rule.NamedPorts.Add(reader.Text());
                    break;
                case 15:
                    rule.ServicePorts.Add(reader.Text());
                    break;
                case 102:
                    rule.NotProtocol = Protocol(rule, reader.Message());
                    break;
                case 103:
                    rule.Source.NotNets.Add(reader.Text());
                    break;
                case 105:
                    rule.Destination.NotNets.Add(reader.Text());
                    break;
                case 106:
                    rule.NotPorts.Add(Ports(rule, reader.Message()));
                    break;
                case 107:
                    rule.NotIcmp = new FelixIcmp(reader.Int(), null);
                    break;
                case 108:
                    rule.NotIcmp = Icmp(rule, reader.Message());
                    break;
                case 109:
                    rule.Source.NotSets.Add(reader.Text());
                    break;
                case 110:
                    rule.Destination.NotSets.Add(reader.Text());
                    break;
                case 113:
                    rule.NotNamedPorts.Add(reader.Text());
                    break;
                case 5 or 12 or 104 or 112:
                    rule.Undecidable = "source ports";
                    break;
                case 122:
                    rule.Undecidable = "http_match";
                    break;
                // Selectors and service accounts as written (they are in the sets, too), annotations, Services, a log prefix, the rule's
                // ID.
                case (>= 114 and <= 121) or 123 or (>= 130 and <= 133) or 200 or 201:
                    break;
                default:
                    rule.Undecidable = $"field {reader.Field}, which is not known";
                    break;
            }
        }

        rule.IsMalformed |= reader.IsMalformed;
        return rule;
    }

    private static FelixProtocol Protocol(FelixRule rule, ProtoReader reader)
    {
        var protocol = default(FelixProtocol);
        while (reader.MoveNext())
        {
            protocol = reader.Field switch
            {
                1 => new FelixProtocol(reader.Int(), null),
                2 => new FelixProtocol(null, reader.Text()),
                _ => protocol,
            };
        }

        rule.IsMalformed |= reader.IsMalformed;
        return protocol;
    }

    private static FelixPorts Ports(FelixRule rule, ProtoReader reader)
    {
        var (first, last) = Pair(rule, reader);
        return new FelixPorts(first, last);
    }

    private static FelixIcmp Icmp(FelixRule rule, ProtoReader reader)
    {
        var (type, code) = Pair(rule, reader);
        return new FelixIcmp(type, code);
    }

    // A number that is absent is 0.
    private static (int First, int Second) Pair(FelixRule rule, ProtoReader reader)
    {
        var (first, second) = (0, 0);
        while (reader.MoveNext())
        {
            if (reader.Field == 1)
            {
                first = reader.Int();
            }
            else if (reader.Field == 2)
            {
                second = reader.Int();
            }
        }

        rule.IsMalformed |= reader.IsMalformed;
        return (first, second);
    }
}

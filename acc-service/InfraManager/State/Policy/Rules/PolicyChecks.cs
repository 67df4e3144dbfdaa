using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Policy.Rules;

/// <summary>What a change to the model must fulfil. A change that does not is refused whole.</summary>
internal static class PolicyChecks
{
    /// <exception cref="IntentException">INVALID_ARGUMENT: names the field.</exception>
    public static void Check(PolicyRules policy)
    {
        foreach (var direction in (ReadOnlySpan<PolicyDirection>)[PolicyDirection.Ingress, PolicyDirection.Egress])
        {
            var rules = policy.Of(direction);
            for (var i = 0; i < rules.Count; i++)
            {
                Check(rules[i], $"{(direction == PolicyDirection.Ingress ? "ingress" : "egress")}[{i}]");
            }
        }
    }

    /// <exception cref="IntentException">INVALID_ARGUMENT: names the field.</exception>
    public static void Check(EndpointPolicy endpoint)
    {
        if (endpoint.Addresses.Count(a => a.IsIpv4) > 1 || endpoint.Addresses.Count(a => !a.IsIpv4) > 1)
        {
            throw IntentException.Invalid("addresses", "has more than one address of a family");
        }
    }

    private static void Check(PolicyRule rule, string field)
    {
        if (rule.Name.Length == 0)
        {
            throw IntentException.Invalid($"{field}.name", "is empty");
        }

        if (rule.Match.IpVersion is not (0 or 4 or 6))
        {
            throw IntentException.Invalid($"{field}.ip_version", $"is {rule.Match.IpVersion}, not 0, 4 or 6");
        }

        Check(rule.Match.Ports, $"{field}.ports");
        Check(rule.Match.NotPorts, $"{field}.not_ports");
    }

    private static void Check(SequenceOf<PortSpan> ports, string field)
    {
        for (var i = 0; i < ports.Count; i++)
        {
            if (ports[i].Last < ports[i].First)
            {
                throw IntentException.Invalid($"{field}[{i}]", $"{ports[i]} ends before it begins");
            }
        }
    }
}

using ACCOffload.InfraManager.State.Policy.Felix.Wire;

namespace ACCOffload.InfraManager.Tests.Felix;

/// <summary>How a version of Felix names policies.</summary>
internal enum FelixDialect
{
    /// <summary>Up to 3.28: one tier, no default action.</summary>
    OneTier,

    /// <summary>3.29 to 3.31: a name with the tier in front.</summary>
    Names,

    /// <summary>From 3.32 on: kind, namespace, name.</summary>
    Kinds,
}

/// <summary>Writes messages as Felix does.</summary>
internal sealed class FelixWriter(FelixDialect dialect)
{
    private ulong _sequence;

    public byte[] InSync() => Message(1, new ProtoWriter());

    public byte[] Set(string id, int type, params IEnumerable<string> members)
    {
        var set = new ProtoWriter().Text(1, id);
        foreach (var member in members)
        {
            set.Text(2, member);
        }

        return Message(2, type == 0 ? set : set.Number(3, (ulong)type));
    }

    public byte[] Delta(string id, IEnumerable<string> added, IEnumerable<string> removed)
    {
        var delta = new ProtoWriter().Text(1, id);
        foreach (var member in added)
        {
            delta.Text(2, member);
        }

        foreach (var member in removed)
        {
            delta.Text(3, member);
        }

        return Message(3, delta);
    }

    public byte[] SetRemove(string id) => Message(4, new ProtoWriter().Text(1, id));

    public byte[] Profile(string name, ProtoWriter[] ingress, ProtoWriter[] egress) => Message(
        5, new ProtoWriter().Message(1, new ProtoWriter().Text(1, name)).Message(2, Rules(ingress, egress)));

    public byte[] ProfileRemove(string name) => Message(6, new ProtoWriter().Message(1, new ProtoWriter().Text(1, name)));

    /// <param name="name">"tier.name", or "namespace/tier.name".</param>
    /// <param name="ingress">Its rules.</param>
    /// <param name="egress">Its rules.</param>
    /// <param name="isStaged">Whether it is staged.</param>
    public byte[] Policy(string name, ProtoWriter[] ingress, ProtoWriter[] egress, bool isStaged = false) => Message(
        7, new ProtoWriter().Message(1, Id(name, isStaged)).Message(2, Rules(ingress, egress)));

    public byte[] PolicyRemove(string name, bool isStaged = false) => Message(8, new ProtoWriter().Message(1, Id(name, isStaged)));

    public byte[] Endpoint(string pod, string[] nets, FelixTierText[] tiers, string[] profiles, string state = "active")
    {
        var endpoint = new ProtoWriter().Text(1, state).Text(2, "cali0");
        foreach (var profile in profiles)
        {
            endpoint.Text(4, profile);
        }

        foreach (var net in nets)
        {
            endpoint.Text(net.Contains(':', StringComparison.Ordinal) ? 6 : 5, net);
        }

        foreach (var tier in tiers)
        {
            endpoint.Message(7, Tier(tier));
        }

        return Message(11, new ProtoWriter().Message(1, EndpointId(pod)).Message(5, endpoint));
    }

    public byte[] EndpointRemove(string pod) => Message(12, new ProtoWriter().Message(1, EndpointId(pod)));

    public static ProtoWriter Rule(string action, Action<ProtoWriter>? fields = null)
    {
        var rule = new ProtoWriter().Text(1, action);
        fields?.Invoke(rule);
        return rule.Text(201, "0123456789abcdef");
    }

    /// <summary>A message of ToDataplane. Felix writes no 0, so the first one has no number.</summary>
    public byte[] Message(int field, ProtoWriter payload)
    {
        var message = new ProtoWriter().Message(field, payload);
        return (_sequence++ == 0 ? message : message.Number(15, _sequence - 1)).Written.ToArray();
    }

    private static ProtoWriter EndpointId(string pod) => new ProtoWriter().Text(2, "k8s").Text(3, pod).Text(4, "eth0");

    private static ProtoWriter Rules(ProtoWriter[] ingress, ProtoWriter[] egress)
    {
        var rules = new ProtoWriter();
        foreach (var rule in ingress)
        {
            rules.Message(1, rule);
        }

        foreach (var rule in egress)
        {
            rules.Message(2, rule);
        }

        return rules;
    }

    private ProtoWriter Id(string name, bool isStaged) => dialect == FelixDialect.Kinds
        ? Kind(name, isStaged)
        : new ProtoWriter().Text(1, dialect == FelixDialect.OneTier ? "default" : TierOf(name)).Text(2, Old(name, isStaged));

    private ProtoWriter Tier(FelixTierText tier)
    {
        var message = new ProtoWriter().Text(1, tier.Name);
        foreach (var policy in tier.Ingress)
        {
            Listed(message, 2, policy);
        }

        foreach (var policy in tier.Egress)
        {
            Listed(message, 3, policy);
        }

        return dialect == FelixDialect.OneTier ? message : message.Text(4, tier.Default);
    }

    private void Listed(ProtoWriter tier, int field, string policy)
    {
        var isStaged = policy.StartsWith("staged ", StringComparison.Ordinal);
        var name = isStaged ? policy["staged ".Length..] : policy;
        _ = dialect == FelixDialect.Kinds ? tier.Message(field, Kind(name, isStaged)) : tier.Text(field, Old(name, isStaged));
    }

    private static ProtoWriter Kind(string name, bool isStaged)
    {
        var slash = name.IndexOf('/', StringComparison.Ordinal);
        var id = new ProtoWriter().Text(2, name[(slash + 1)..]);
        return (slash < 0 ? id : id.Text(3, name[..slash]))
            .Text(4, (isStaged ? "Staged" : "") + (slash < 0 ? "GlobalNetworkPolicy" : "NetworkPolicy"));
    }

    private static string Old(string name, bool isStaged)
    {
        var last = name.IndexOf('/', StringComparison.Ordinal) + 1;
        return isStaged ? $"{name[..last]}staged:{name[last..]}" : name;
    }

    private static string TierOf(string name) => name[(name.IndexOf('/', StringComparison.Ordinal) + 1)..].Split('.')[0];
}

/// <summary>A tier of an endpoint; a staged policy has "staged " in front.</summary>
internal sealed record FelixTierText(string Name, string Default, string[] Ingress, string[] Egress);

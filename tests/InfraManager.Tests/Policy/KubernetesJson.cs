using System.Text.Json.Nodes;
using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.Tests.Policy;

/// <summary>Policies as the Kubernetes API writes them.</summary>
internal static class KubernetesJson
{
    public static byte Protocol(string? name) => name switch
    {
        null or "TCP" => IpProtocol.Tcp,
        "UDP" => IpProtocol.Udp,
        "SCTP" => IpProtocol.Sctp,
        _ => throw new FormatException(name),
    };

    public static NetworkPolicyRecord NetworkPolicy(JsonNode policy)
    {
        var spec = policy["spec"]!;
        return new NetworkPolicyRecord(
            (string)policy["metadata"]!["namespace"]!,
            (string)policy["metadata"]!["name"]!,
            Selector(spec["podSelector"])!,
            [.. Rules(spec["ingress"], "from")],
            [.. Rules(spec["egress"], "to")],
            [.. Items(spec["policyTypes"]).Select(t => (string)t!)]);
    }

    private static IEnumerable<NetworkPolicyRule> Rules(JsonNode? rules, string peers) => Items(rules).Select(r =>
        new NetworkPolicyRule([.. Items(r![peers]).Select(Peer)], [.. Items(r["ports"]).Select(Port)]));

    private static PolicyPeer Peer(JsonNode? peer) => new()
    {
        Pods = Selector(peer!["podSelector"]),
        Namespaces = Selector(peer["namespaceSelector"]),
        Nets = peer["ipBlock"] is { } block ? [PolicyNet.Parse((string)block["cidr"]!)] : [],
        Except = [.. Items(peer["ipBlock"]?["except"]).Select(e => PolicyNet.Parse((string)e!))],
    };

    private static PolicyPort Port(JsonNode? port)
    {
        var protocol = Protocol((string?)port!["protocol"]);
        return port["port"] is not JsonValue value ? new PolicyPort(protocol, null)
            : value.TryGetValue<int>(out var number) ? new PolicyPort(protocol, (ushort)number, (ushort?)(int?)port["endPort"])
            : new PolicyPort(protocol, null, null, (string)value!);
    }

    private static LabelSelector? Selector(JsonNode? selector) => selector is null ? null : new LabelSelector(
    [
        .. (selector["matchLabels"]?.AsObject() ?? [])
            .Select(l => new LabelRequirement(l.Key, LabelOperator.In, [(string)l.Value!])),
        .. Items(selector["matchExpressions"]).Select(e => new LabelRequirement(
            (string)e!["key"]!, Enum.Parse<LabelOperator>((string)e["operator"]!), [.. Items(e["values"]).Select(v => (string)v!)])),
    ]);

    private static JsonArray Items(JsonNode? list) => list?.AsArray() ?? [];
}

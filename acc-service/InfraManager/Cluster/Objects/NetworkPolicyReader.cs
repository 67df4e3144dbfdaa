using System.Text.Json;
using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.Cluster.Objects;

/// <summary>Reads NetworkPolicies (networking.k8s.io/v1).</summary>
internal static class NetworkPolicyReader
{
    private const string Kind = "NetworkPolicy";
    private const string IngressType = "Ingress";
    private const string EgressType = "Egress";

    /// <exception cref="KubeFormatException">A field is invalid.</exception>
    /// <exception cref="JsonException">The JSON is malformed, or a value has the wrong type.</exception>
    public static PolicyResource Read(ReadOnlySpan<byte> json)
    {
        var document = JsonSerializer.Deserialize(json, PolicyDocumentJson.Default.NetworkPolicyDocument);
        var (name, metadata) = ObjectReaders.Identify(Kind, document?.Metadata, namespaced: true);
        var fields = new FieldReader($"{Kind} {name}");
        var spec = document!.Spec ?? throw fields.Invalid("spec", "missing");
        var record = new NetworkPolicyRecord(
            name.Namespace,
            name.Name,
            // Optional in the API: absent, it selects as an empty one does.
            SelectorReader.Read(fields, spec.PodSelector, "spec.podSelector") ?? LabelSelector.All,
            [.. (spec.Ingress ?? []).Select((r, i) => Rule(fields, r, r?.From, $"spec.ingress[{i}]", "from"))],
            [.. (spec.Egress ?? []).Select((r, i) => Rule(fields, r, r?.To, $"spec.egress[{i}]", "to"))],
            [.. (spec.PolicyTypes ?? []).Select((t, i) => PolicyType(fields, t, $"spec.policyTypes[{i}]"))]);
        PolicyRecordChecks.Check(fields, record);
        return Of(name, metadata, record);
    }

    /// <summary>
    /// A NetworkPolicy whose content cannot be read: it isolates every pod of its namespace in both directions and allows nothing.
    /// </summary>
    public static PolicyResource Unreadable(ReadOnlySpan<byte> json, string problem)
    {
        var (name, metadata) = PolicyNames.Read(json, Kind, isNamespaced: true);
        var record = new NetworkPolicyRecord(name.Namespace, name.Name, LabelSelector.All, [], [], [IngressType, EgressType]);
        return Of(name, metadata, record) with { Problem = problem, IsUnreadable = true };
    }

    private static PolicyResource Of(ObjectName name, MetadataDocument metadata, NetworkPolicyRecord record) =>
        new(name, metadata.Uid ?? "", metadata.ResourceVersion ?? "", record.ObjectKey) { Record = record };

    // A type of a later version could isolate more than the known ones.
    private static string PolicyType(FieldReader fields, string? type, string field) => type switch
    {
        IngressType => IngressType,
        EgressType => EgressType,
        _ => throw fields.Invalid(field, $"{FieldReader.Quote(type ?? "")} is neither Ingress nor Egress"),
    };

    private static NetworkPolicyRule Rule(
        FieldReader fields, NetworkPolicyRuleDocument? rule, NetworkPolicyPeerDocument?[]? peers, string field, string list) =>
        rule is null
            ? throw fields.Invalid(field, "null")
            : new NetworkPolicyRule(
                [.. (peers ?? []).Select((p, i) => Peer(fields, p, $"{field}.{list}[{i}]"))],
                [.. (rule.Ports ?? []).Select((p, i) => Port(fields, p, $"{field}.ports[{i}]"))]);

    // Selectors beside an ipBlock are refused by the check of the whole record, as is a peer without any of the three.
    private static PolicyPeer Peer(FieldReader fields, NetworkPolicyPeerDocument? peer, string field) => new()
    {
        Pods = SelectorReader.Read(fields, peer?.PodSelector, $"{field}.podSelector"),
        Namespaces = SelectorReader.Read(fields, peer?.NamespaceSelector, $"{field}.namespaceSelector"),
        Nets = peer?.IpBlock is { } block ? [PolicyNet.Of(fields.Network(block.Range, $"{field}.ipBlock.cidr"))] : default,
        Except = Except(fields, peer?.IpBlock?.Except, $"{field}.ipBlock.except"),
    };

    private static SequenceOf<PolicyNet> Except(FieldReader fields, string?[]? except, string field) =>
        [.. (except ?? []).Select((e, i) => PolicyNet.Of(fields.Network(e, $"{field}[{i}]")))];

    private static PolicyPort Port(FieldReader fields, NetworkPolicyPortDocument? port, string field)
    {
        if (port is null)
        {
            throw fields.Invalid(field, "null");
        }

        var protocol = (byte)fields.Protocol(port.Protocol, $"{field}.protocol");
        if (port.Port is not { Number: { } number })
        {
            return port.EndPort is null
                ? new PolicyPort(protocol, null, null, port.Port is null ? "" : fields.Required(port.Port.Name, $"{field}.port"))
                : throw fields.Invalid($"{field}.endPort", "needs a numeric port");
        }

        var first = fields.Port(number, $"{field}.port");
        return new PolicyPort(protocol, first, port.EndPort is null ? null : fields.Port(port.EndPort, $"{field}.endPort"));
    }
}

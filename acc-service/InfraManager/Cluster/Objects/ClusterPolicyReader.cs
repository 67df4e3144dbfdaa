using System.Text.Json;
using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.Cluster.Objects;

/// <summary>
/// Reads ClusterNetworkPolicies (policy.networking.k8s.io/v1alpha2). Parts of a kind that is unknown here fail closed as the API asks:
/// a rule that accepts then matches nothing, and one that denies or passes denies everything.
/// </summary>
internal static class ClusterPolicyReader
{
    private const string Kind = "ClusterNetworkPolicy";
    private const string AdminTier = "Admin";
    private const string BaselineTier = "Baseline";

    // The API's limit for the name of a rule.
    private const int MaxRuleName = 100;

    /// <exception cref="KubeFormatException">A field is invalid.</exception>
    /// <exception cref="JsonException">The JSON is malformed, or a value has the wrong type.</exception>
    public static PolicyResource Read(ReadOnlySpan<byte> json)
    {
        var document = JsonSerializer.Deserialize(json, PolicyDocumentJson.Default.ClusterPolicyDocument);
        var (name, metadata) = ObjectReaders.Identify(Kind, document?.Metadata, namespaced: false);
        var fields = new FieldReader($"{Kind} {name}");
        var spec = document!.Spec ?? throw fields.Invalid("spec", "missing");
        var (namespaces, pods) = Subject(fields, spec.Subject);
        var rules = new ClusterRuleReader(fields);
        var record = new ClusterPolicyRecord(
            name.Name,
            spec.Tier switch
            {
                AdminTier => false,
                BaselineTier => true,
                var other => throw fields.Invalid("spec.tier", $"{FieldReader.Quote(other ?? "")} is neither Admin nor Baseline"),
            },
            spec.Priority ?? throw fields.Invalid("spec.priority", "missing"),
            namespaces,
            pods,
            [.. (spec.Ingress ?? []).Select((r, i) => rules.Read(r, r?.From, $"spec.ingress[{i}]", "from"))],
            [.. (spec.Egress ?? []).Select((r, i) => rules.Read(r, r?.To, $"spec.egress[{i}]", "to"))]);
        PolicyRecordChecks.Check(fields, record);
        return Of(name, metadata, record) with { Problem = rules.Problem };
    }

    /// <summary>
    /// A ClusterNetworkPolicy whose content cannot be read: at its place in the order, or else before all others, it denies everything to
    /// and from every pod.
    /// </summary>
    public static PolicyResource Unreadable(ReadOnlySpan<byte> json, string problem)
    {
        var (name, metadata) = PolicyNames.Read(json, Kind, isNamespaced: false);
        var (isBaseline, priority) = Rank(json);
        var text = $"cannot be read: {problem}";
        var deny = new ClusterPolicyRule(text[..Math.Min(text.Length, MaxRuleName)], PolicyAction.Deny, [new PolicyPeer()], []);
        var record = new ClusterPolicyRecord(name.Name, isBaseline, priority, LabelSelector.All, LabelSelector.All, [deny], [deny]);
        return Of(name, metadata, record) with { Problem = problem, IsUnreadable = true };
    }

    private static PolicyResource Of(ObjectName name, MetadataDocument metadata, ClusterPolicyRecord record) =>
        new(name, metadata.Uid ?? "", metadata.ResourceVersion ?? "", record.ObjectKey) { Record = record };

    private static (bool IsBaseline, int Priority) Rank(ReadOnlySpan<byte> json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, PolicyDocumentJson.Default.ClusterRankDocument)?.Spec switch
            {
                { Tier: AdminTier, Priority: { } priority and >= 0 and <= PolicyTranslator.MaxPriority } => (false, priority),
                { Tier: BaselineTier, Priority: { } priority and >= 0 and <= PolicyTranslator.MaxPriority } => (true, priority),
                _ => (false, 0),
            };
        }
        catch (Exception e) when (JsonErrors.IsInvalid(e))
        {
            return (false, 0);
        }
    }

    private static (LabelSelector Namespaces, LabelSelector Pods) Subject(FieldReader fields, ClusterSubjectDocument? subject)
    {
        const string Field = "spec.subject";
        return subject switch
        {
            { Namespaces: { } namespaces, Pods: null } =>
                (SelectorReader.Read(fields, namespaces, $"{Field}.namespaces")!, LabelSelector.All),
            { Namespaces: null, Pods: { } pods } => (
                SelectorReader.Read(fields, pods.NamespaceSelector, $"{Field}.pods.namespaceSelector") ?? LabelSelector.All,
                SelectorReader.Read(fields, pods.PodSelector, $"{Field}.pods.podSelector") ?? LabelSelector.All),
            _ => throw fields.Invalid(Field, "needs either namespaces or pods"),
        };
    }
}

using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Policy.Kubernetes;

/// <summary>A label selector: all requirements hold. Without requirements it selects everything; an absent selector is null.</summary>
internal sealed record LabelSelector(SequenceOf<LabelRequirement> Requirements)
{
    public static LabelSelector All { get; } = new([]);

    public bool Matches(LabelSet labels)
    {
        foreach (var requirement in Requirements)
        {
            if (!requirement.Matches(labels))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>The same text for selectors with the same requirements.</summary>
    public override string ToString() =>
        Requirements.Count == 0 ? "all" : string.Join(" & ", Requirements.Select(r => r.ToString()).Order(StringComparer.Ordinal));
}

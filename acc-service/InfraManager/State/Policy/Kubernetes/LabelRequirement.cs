using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Policy.Kubernetes;

internal enum LabelOperator
{
    In = 0,
    NotIn = 1,
    Exists = 2,
    DoesNotExist = 3,
}

/// <summary>One condition of a selector; an entry of <c>matchLabels</c> is In with one value.</summary>
internal sealed record LabelRequirement(string Key, LabelOperator Operator, SequenceOf<string> Values)
{
    /// <summary>An absent label is not in any list of values, so NotIn holds.</summary>
    public bool Matches(LabelSet labels)
    {
        var value = labels.Find(Key);
        return Operator switch
        {
            LabelOperator.In => value is not null && Values.Contains(value),
            LabelOperator.NotIn => value is null || !Values.Contains(value),
            LabelOperator.Exists => value is not null,
            _ => value is null,
        };
    }

    public override string ToString() => $"{Key} {Operator} ({string.Join(',', Values)})";
}

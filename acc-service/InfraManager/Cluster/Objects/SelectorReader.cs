using ACCOffload.InfraManager.State.Policy.Kubernetes;

namespace ACCOffload.InfraManager.Cluster.Objects;

/// <summary>Reads label selectors (meta/v1 LabelSelector).</summary>
internal static class SelectorReader
{
    /// <summary>Null for an absent selector, which differs from an empty one.</summary>
    /// <exception cref="KubeFormatException">A requirement is invalid.</exception>
    public static LabelSelector? Read(FieldReader fields, SelectorDocument? selector, string field)
    {
        if (selector is null)
        {
            return null;
        }

        var labels = (selector.MatchLabels ?? []).OrderBy(l => l.Key, StringComparer.Ordinal)
            .Select(l => new LabelRequirement(l.Key, LabelOperator.In, [l.Value ?? ""]));
        var expressions = (selector.MatchExpressions ?? []).Select((e, i) => Requirement(fields, e, $"{field}.matchExpressions[{i}]"));
        return new LabelSelector([.. labels, .. expressions]);
    }

    private static LabelRequirement Requirement(FieldReader fields, RequirementDocument? requirement, string field)
    {
        var key = fields.Required(requirement?.Key, $"{field}.key");
        var @operator = requirement!.Operator switch
        {
            "In" => LabelOperator.In,
            "NotIn" => LabelOperator.NotIn,
            "Exists" => LabelOperator.Exists,
            "DoesNotExist" => LabelOperator.DoesNotExist,
            var other => throw fields.Invalid($"{field}.operator", $"{FieldReader.Quote(other ?? "")} is not an operator"),
        };
        var values = requirement.Values ?? [];
        // With the wrong number of values, a selector could select less than its author meant.
        var needsValues = @operator is LabelOperator.In or LabelOperator.NotIn;
        return needsValues == values.Length > 0
            ? new LabelRequirement(key, @operator, [.. values.Select(v => v ?? "")])
            : throw fields.Invalid($"{field}.values", needsValues ? "missing" : $"not allowed with {@operator}");
    }
}

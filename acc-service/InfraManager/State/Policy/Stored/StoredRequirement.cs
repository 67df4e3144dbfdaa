using System.Text.Json;
using System.Text.Json.Serialization;
using ACCOffload.InfraManager.State.Policy.Kubernetes;

namespace ACCOffload.InfraManager.State.Policy.Stored;

/// <summary>
/// The stored form of a <see cref="LabelRequirement"/>. A selector is a list of these; an absent selector is an absent list.
/// </summary>
internal sealed record StoredRequirement
{
    [JsonPropertyName("key")]
    public string? Key { get; init; }

    /// <summary>The number of the <see cref="LabelOperator"/>.</summary>
    [JsonPropertyName("operator")]
    public int Operator { get; init; }

    [JsonPropertyName("values")]
    public string?[]? Values { get; init; }

    public static StoredRequirement?[]? ListOf(LabelSelector? selector) => selector is null ? null
        : [.. selector.Requirements.Select(r => new StoredRequirement
        {
            Key = r.Key,
            Operator = (int)r.Operator,
            Values = StoredField.ListOf(r.Values, v => v),
        })];

    /// <exception cref="JsonException">A requirement is invalid.</exception>
    public static LabelSelector? Selector(StoredRequirement?[]? requirements, string field) => requirements is null
        ? null
        : new LabelSelector(StoredField.Sequence(requirements, field, r => r.ToRequirement(field)));

    private LabelRequirement ToRequirement(string field) => Enum.IsDefined((LabelOperator)Operator)
        ? new LabelRequirement(
            StoredField.Required(Key, $"{field}.key"), (LabelOperator)Operator, StoredField.Sequence(Values, $"{field}.values", v => v))
        : throw new JsonException($"{field}.operator {Operator} is unknown");
}

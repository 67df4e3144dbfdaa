using System.Text.Json;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Policy.Stored;

/// <summary>Checks for fields that were read from the database. A list without elements is stored as an absent one.</summary>
internal static class StoredField
{
    /// <summary>Null for an empty list, which is then not stored.</summary>
    public static TStored[]? ListOf<T, TStored>(SequenceOf<T> items, Func<T, TStored> convert) =>
        items.Count == 0 ? null : [.. items.Select(convert)];

    /// <exception cref="JsonException">An element is null.</exception>
    public static SequenceOf<T> Sequence<TStored, T>(TStored?[]? items, string field, Func<TStored, T> convert) =>
        [.. (items ?? []).Select((item, i) => convert(item ?? throw new JsonException($"{field}[{i}] is null")))];

    /// <exception cref="JsonException">It is missing.</exception>
    public static string Required(string? text, string field) =>
        string.IsNullOrEmpty(text) ? throw new JsonException($"{field} is missing") : text;

    /// <exception cref="JsonException">It is missing.</exception>
    public static T Required<T>(T? value, string field)
        where T : class => value ?? throw new JsonException($"{field} is missing");

    /// <exception cref="JsonException">It has more than one of a family.</exception>
    public static SequenceOf<PolicyAddress> Addresses(PolicyAddress[]? addresses, string field)
    {
        var list = addresses ?? [];
        return list.DistinctBy(a => a.IsIpv4).Count() == list.Length
            ? [.. list]
            : throw new JsonException($"{field} has more than one address of a family");
    }
}

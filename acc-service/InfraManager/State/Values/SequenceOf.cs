using System.Collections;
using System.Runtime.CompilerServices;

namespace ACCOffload.InfraManager.State.Values;

/// <summary>
/// An immutable list with value equality: records that contain it compare by its elements.
/// </summary>
[CollectionBuilder(typeof(SequenceOf), nameof(SequenceOf.Create))]
internal readonly struct SequenceOf<T> : IReadOnlyList<T>, IEquatable<SequenceOf<T>>
{
    private readonly T[]? _items;

    internal SequenceOf(T[] items) => _items = items.Length == 0 ? null : items;

    public int Count => _items?.Length ?? 0;

    public T this[int index] => Items[index];

    private T[] Items => _items ?? [];

    public static bool operator ==(SequenceOf<T> left, SequenceOf<T> right) => left.Equals(right);

    public static bool operator !=(SequenceOf<T> left, SequenceOf<T> right) => !left.Equals(right);

    public bool Equals(SequenceOf<T> other) => ReferenceEquals(_items, other._items) || Items.AsSpan().SequenceEqual(other.Items);

    public override bool Equals(object? obj) => obj is SequenceOf<T> other && Equals(other);

    public override int GetHashCode()
    {
        var hash = default(HashCode);
        foreach (var item in Items)
        {
            hash.Add(item);
        }

        return hash.ToHashCode();
    }

    public IEnumerator<T> GetEnumerator() => ((IEnumerable<T>)Items).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public override string ToString() => $"[{string.Join(", ", Items)}]";
}

internal static class SequenceOf
{
    public static SequenceOf<T> Create<T>(ReadOnlySpan<T> items) => new(items.ToArray());
}

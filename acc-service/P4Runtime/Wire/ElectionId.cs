using P4.V1;

namespace ACCOffload.P4Runtime.Wire;

/// <summary>A 128-bit election id; the controller with the highest one is primary.</summary>
/// <param name="High">The upper 64 bits: seconds since 1970 where made from time.</param>
/// <param name="Low">The lower 64 bits: nanoseconds where made from time.</param>
public readonly record struct ElectionId(ulong High, ulong Low) : IComparable<ElectionId>
{
    /// <summary>An id that is higher than those of sessions that started before.</summary>
    public static ElectionId FromTime(DateTimeOffset now)
    {
        var ticks = Math.Max(0, (now - DateTimeOffset.UnixEpoch).Ticks);
        return new ElectionId((ulong)(ticks / TimeSpan.TicksPerSecond), ((ulong)(ticks % TimeSpan.TicksPerSecond) * 100) + 1);
    }

    /// <summary>The next higher id; the highest one is its own next.</summary>
    public ElectionId Next() =>
        Low != ulong.MaxValue ? new ElectionId(High, Low + 1) : High != ulong.MaxValue ? new ElectionId(High + 1, 0) : this;

    /// <inheritdoc/>
    public int CompareTo(ElectionId other) => High != other.High ? High.CompareTo(other.High) : Low.CompareTo(other.Low);

    /// <summary>Orders two ids.</summary>
    public static bool operator <(ElectionId left, ElectionId right) => left.CompareTo(right) < 0;

    /// <summary>Orders two ids.</summary>
    public static bool operator >(ElectionId left, ElectionId right) => left.CompareTo(right) > 0;

    /// <summary>Orders two ids.</summary>
    public static bool operator <=(ElectionId left, ElectionId right) => left.CompareTo(right) <= 0;

    /// <summary>Orders two ids.</summary>
    public static bool operator >=(ElectionId left, ElectionId right) => left.CompareTo(right) >= 0;

    /// <inheritdoc/>
    public override string ToString() => $"{High}:{Low}";

    internal Uint128 ToProto() => new() { High = High, Low = Low };

    internal static ElectionId FromProto(Uint128? id) => id is null ? default : new ElectionId(id.High, id.Low);
}

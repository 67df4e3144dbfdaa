using P4.V1;

namespace ACCOffload.P4Wire;

/// <summary>A 128-bit election ID; the controller with the highest one is primary. Zero means none.</summary>
/// <param name="High">The upper 64 bits; seconds since 1970 if made from the time.</param>
/// <param name="Low">The lower 64 bits; nanoseconds if made from the time.</param>
public readonly record struct ElectionId(ulong High, ulong Low) : IComparable<ElectionId>
{
    /// <summary>Whether this is the zero ID, which means none.</summary>
    public bool IsZero => High == 0 && Low == 0;

    /// <summary>An ID that is higher than those of sessions that started earlier.</summary>
    public static ElectionId FromTime(DateTimeOffset now)
    {
        var ticks = Math.Max(0, (now - DateTimeOffset.UnixEpoch).Ticks);
        return new ElectionId((ulong)(ticks / TimeSpan.TicksPerSecond), ((ulong)(ticks % TimeSpan.TicksPerSecond) * 100) + 1);
    }

    /// <summary>The next higher ID; the highest one is its own successor.</summary>
    public ElectionId Next() =>
        Low != ulong.MaxValue ? new ElectionId(High, Low + 1) : High != ulong.MaxValue ? new ElectionId(High + 1, 0) : this;

    /// <inheritdoc/>
    public int CompareTo(ElectionId other) => High != other.High ? High.CompareTo(other.High) : Low.CompareTo(other.Low);

    /// <summary>Compares two IDs.</summary>
    public static bool operator <(ElectionId left, ElectionId right) => left.CompareTo(right) < 0;

    /// <summary>Compares two IDs.</summary>
    public static bool operator >(ElectionId left, ElectionId right) => left.CompareTo(right) > 0;

    /// <summary>Compares two IDs.</summary>
    public static bool operator <=(ElectionId left, ElectionId right) => left.CompareTo(right) <= 0;

    /// <summary>Compares two IDs.</summary>
    public static bool operator >=(ElectionId left, ElectionId right) => left.CompareTo(right) >= 0;

    /// <inheritdoc/>
    public override string ToString() => High == 0 ? $"{Low}" : $"{High}:{Low}";

    internal Uint128 ToProto() => new() { High = High, Low = Low };

    internal static ElectionId FromProto(Uint128? id) => id is null ? default : new ElectionId(id.High, id.Low);
}

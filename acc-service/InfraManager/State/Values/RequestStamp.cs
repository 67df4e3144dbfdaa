namespace ACCOffload.InfraManager.State.Values;

/// <summary>
/// A request's position in its agent's order: the epoch, then the request's sequence number. Larger is newer. (0, 0) is a request without
/// an order, as a 24.01 agent sends.
/// </summary>
internal readonly record struct RequestStamp(ulong Epoch, ulong Sequence) : IComparable<RequestStamp>
{
    public bool IsUnordered => Epoch == 0 && Sequence == 0;

    public int CompareTo(RequestStamp other)
    {
        var byEpoch = Epoch.CompareTo(other.Epoch);
        return byEpoch != 0 ? byEpoch : Sequence.CompareTo(other.Sequence);
    }

    public static bool operator <(RequestStamp a, RequestStamp b) => a.CompareTo(b) < 0;

    public static bool operator >(RequestStamp a, RequestStamp b) => a.CompareTo(b) > 0;

    public static bool operator <=(RequestStamp a, RequestStamp b) => a.CompareTo(b) <= 0;

    public static bool operator >=(RequestStamp a, RequestStamp b) => a.CompareTo(b) >= 0;

    public override string ToString() => $"{Epoch}.{Sequence}";
}

namespace ACCOffload.SoftTarget.Ports;

/// <summary>A data-plane port: a port number of the pipeline, bound to the link of the same name while that exists.</summary>
internal sealed class SoftPort(uint id, string name, string type)
{
    private long _receivedPackets;
    private long _receivedBytes;
    private long _sentPackets;
    private long _sentBytes;
    private long _unsent;
    private long _malformed;
    private volatile bool _isBound;
    private volatile string _fault = "";

    public uint Id { get; } = id;

    public string Name { get; } = name;

    /// <summary>Type given by the controller (LINK, TAP).</summary>
    public string Type { get; } = type;

    /// <summary>Whether the link is created and deleted with the port; its user moves it to another namespace.</summary>
    public bool IsTap { get; } = type.Equals("TAP", StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether it has an open link.</summary>
    public bool IsBound
    {
        get => _isBound;
        set => _isBound = value;
    }

    /// <summary>Why its existing link can't be opened; empty if it can, or if there is no link.</summary>
    public string Fault
    {
        get => _fault;
        set => _fault = value;
    }

    /// <summary>Counts since the port was added, over all its links.</summary>
    public PortStatistics Statistics => new(
        Volatile.Read(ref _receivedPackets),
        Volatile.Read(ref _receivedBytes),
        Volatile.Read(ref _sentPackets),
        Volatile.Read(ref _sentBytes),
        Volatile.Read(ref _unsent),
        Volatile.Read(ref _malformed));

    // Only the data-plane thread counts, so a plain addition suffices; the write must be atomic for readers.
    public void CountReceived(int packets, long bytes)
    {
        Volatile.Write(ref _receivedPackets, _receivedPackets + packets);
        Volatile.Write(ref _receivedBytes, _receivedBytes + bytes);
    }

    public void CountSent(int packets, long bytes)
    {
        Volatile.Write(ref _sentPackets, _sentPackets + packets);
        Volatile.Write(ref _sentBytes, _sentBytes + bytes);
    }

    public void CountMalformed(long packets) => Volatile.Write(ref _malformed, _malformed + packets);

    public void CountUnsent(int packets) => Volatile.Write(ref _unsent, _unsent + packets);
}

/// <summary>Counts of a port.</summary>
/// <param name="ReceivedPackets">Packets received.</param>
/// <param name="ReceivedBytes">Their bytes.</param>
/// <param name="SentPackets">Packets handed to the link.</param>
/// <param name="SentBytes">Their bytes.</param>
/// <param name="Unsent">Packets not sent because the link was missing, down or too slow.</param>
/// <param name="Malformed">Received packets that are shorter than the headers they announce.</param>
internal readonly record struct PortStatistics(
    long ReceivedPackets, long ReceivedBytes, long SentPackets, long SentBytes, long Unsent, long Malformed);

/// <summary>Why no port's link can be opened.</summary>
/// <param name="Reason">One line; empty if links can be opened.</param>
/// <param name="IsAwaited">The port namespace does not exist yet: ports can be added, and get their links when it appears.</param>
internal sealed record PortFault(string Reason, bool IsAwaited)
{
    public static PortFault None { get; } = new("", false);
}

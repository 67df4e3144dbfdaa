namespace ACCOffload.SoftTarget.Ports;

/// <summary>A data-plane port: a number of the pipeline, bound to the link of its name whenever there is one.</summary>
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

    /// <summary>What the controller called its kind (LINK, TAP).</summary>
    public string Type { get; } = type;

    /// <summary>Its link is made here, with the port, and goes with it; whoever it is for takes it where it belongs.</summary>
    public bool IsTap { get; } = type.Equals("TAP", StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether its link is there.</summary>
    public bool IsBound
    {
        get => _isBound;
        set => _isBound = value;
    }

    /// <summary>Why its link, which is there, could not be opened; empty while it could, or is not there.</summary>
    public string Fault
    {
        get => _fault;
        set => _fault = value;
    }

    /// <summary>Counts since the port was added, over all links it was bound to.</summary>
    public PortStatistics Statistics => new(
        Volatile.Read(ref _receivedPackets),
        Volatile.Read(ref _receivedBytes),
        Volatile.Read(ref _sentPackets),
        Volatile.Read(ref _sentBytes),
        Volatile.Read(ref _unsent),
        Volatile.Read(ref _malformed));

    // The data-plane thread alone counts, so a plain addition is enough; the write is one that readers see whole.
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
/// <param name="ReceivedPackets">Packets that came in.</param>
/// <param name="ReceivedBytes">Their bytes.</param>
/// <param name="SentPackets">Packets handed to the link.</param>
/// <param name="SentBytes">Their bytes.</param>
/// <param name="Unsent">Packets for this port that its link did not take: missing, down or too slow.</param>
/// <param name="Malformed">Packets that came in and ended before the headers that they announced.</param>
internal readonly record struct PortStatistics(
    long ReceivedPackets, long ReceivedBytes, long SentPackets, long SentBytes, long Unsent, long Malformed);

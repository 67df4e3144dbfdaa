using System.Threading.Channels;
using P4.V1;

namespace ACCOffload.SoftTarget.Server;

/// <summary>
/// One controller's stream. Messages to it are queued, so that neither the arbiter nor the data plane ever waits for a slow
/// controller: its packet-ins are dropped beyond a bound, arbitration messages are not.
/// </summary>
internal sealed class StreamSession
{
    private const int MaxPackets = 1024;

    /// <summary>Arbitration messages that may wait: whoever reads none of so many is not there.</summary>
    private const int MaxArbitrations = 4096;

    private readonly Channel<StreamMessageResponse> _outbox =
        Channel.CreateUnbounded<StreamMessageResponse>(new UnboundedChannelOptions { SingleReader = true });

    private int _packets;
    private int _arbitrations;
    private long _dropped;

    /// <summary>Whether the stream has taken part in an arbitration.</summary>
    public bool IsLive { get; set; }

    public ulong DeviceId { get; set; }

    public string Role { get; set; } = "";

    /// <summary>Zero for a controller that gave none, which never becomes primary.</summary>
    public ElectionId ElectionId { get; set; }

    /// <summary>Packets that were not sent to this controller because it reads too slowly.</summary>
    public long DroppedPackets => Interlocked.Read(ref _dropped);

    public ChannelReader<StreamMessageResponse> Outbox => _outbox.Reader;

    /// <summary>Queues an arbitration message. A controller that reads none of thousands loses the stream.</summary>
    public void Send(StreamMessageResponse message)
    {
        if (Interlocked.Increment(ref _arbitrations) <= MaxArbitrations)
        {
            _outbox.Writer.TryWrite(message);
        }
        else
        {
            _outbox.Writer.TryComplete(new IOException("the controller does not read its stream"));
        }
    }

    /// <summary>Queues a packet or an error, unless too many wait.</summary>
    public bool TrySend(StreamMessageResponse message)
    {
        if (Interlocked.Increment(ref _packets) > MaxPackets || !_outbox.Writer.TryWrite(message))
        {
            Interlocked.Decrement(ref _packets);
            Interlocked.Increment(ref _dropped);
            return false;
        }

        return true;
    }

    /// <summary>To be called for each message taken from the outbox.</summary>
    public void OnSent(StreamMessageResponse message)
    {
        if (message.UpdateCase == StreamMessageResponse.UpdateOneofCase.Arbitration)
        {
            Interlocked.Decrement(ref _arbitrations);
        }
        else
        {
            Interlocked.Decrement(ref _packets);
        }
    }

    public void Close() => _outbox.Writer.TryComplete();
}

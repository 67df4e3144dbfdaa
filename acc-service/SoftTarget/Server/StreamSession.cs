using System.Threading.Channels;
using P4.V1;

namespace ACCOffload.SoftTarget.Server;

/// <summary>
/// One controller's stream. Messages are queued, so that neither the arbiter nor the data plane waits for a slow controller: packet-ins are
/// dropped when the queue is full, arbitration messages are not.
/// </summary>
internal sealed class StreamSession
{
    /// <summary>Maximum number of queued arbitration messages: a controller that reads none of them is considered dead.</summary>
    public const int MaxArbitrations = 4096;

    private const int MaxPackets = 1024;

    private readonly TaskCompletionSource _overrun = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Channel<StreamMessageResponse> _outbox =
        Channel.CreateUnbounded<StreamMessageResponse>(new UnboundedChannelOptions { SingleReader = true });

    private int _packets;
    private int _arbitrations;

    /// <summary>Whether the stream has taken part in an arbitration.</summary>
    public bool IsLive { get; set; }

    public ulong DeviceId { get; set; }

    public string Role { get; set; } = "";

    /// <summary>Zero before the first arbitration.</summary>
    public ElectionId ElectionId { get; set; }

    public ChannelReader<StreamMessageResponse> Outbox => _outbox.Reader;

    /// <summary>Completes when the controller has left too many arbitration messages unread: the stream must end.</summary>
    public Task Overrun => _overrun.Task;

    /// <summary>Queues an arbitration message, or reports the overrun.</summary>
    public void Send(StreamMessageResponse message)
    {
        if (Interlocked.Increment(ref _arbitrations) <= MaxArbitrations)
        {
            _outbox.Writer.TryWrite(message);
        }
        else
        {
            _outbox.Writer.TryComplete();
            _overrun.TrySetResult();
        }
    }

    /// <summary>Queues a packet or an error, unless the queue is full.</summary>
    public bool TrySend(StreamMessageResponse message)
    {
        if (Interlocked.Increment(ref _packets) > MaxPackets || !_outbox.Writer.TryWrite(message))
        {
            Interlocked.Decrement(ref _packets);
            return false;
        }

        return true;
    }

    /// <summary>Must be called for each message taken from the outbox.</summary>
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

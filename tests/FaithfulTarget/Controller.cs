using System.Threading.Channels;
using P4.V1;

namespace ACCOffload.FaithfulTarget;

/// <summary>The stream of one controller.</summary>
internal sealed class Controller
{
    private readonly Channel<StreamMessageResponse> _outbox = Channel.CreateUnbounded<StreamMessageResponse>();

    public ChannelReader<StreamMessageResponse> Outbox => _outbox.Reader;

    public bool HasBid { get; set; }

    public ulong DeviceId { get; set; }

    public string Role { get; set; } = "";

    public UInt128 ElectionId { get; set; }

    public void Send(StreamMessageResponse message) => _outbox.Writer.TryWrite(message);

    public void Close() => _outbox.Writer.TryComplete();
}

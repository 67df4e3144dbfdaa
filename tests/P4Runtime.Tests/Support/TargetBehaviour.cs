using System.Collections.Concurrent;
using ACCOffload.P4Wire;
using Grpc.Core;
using P4.V1;

namespace ACCOffload.P4Runtime.Tests.Support;

/// <summary>Behavior of a test target, and what it received.</summary>
internal sealed class TargetBehaviour
{
    private readonly Lock _gate = new();
    private readonly List<Controller> _controllers = [];
    private ElectionId _highest;

    public ConcurrentQueue<WriteRequest> Writes { get; } = new();

    public ConcurrentQueue<ReadRequest> Reads { get; } = new();

    public ConcurrentQueue<SetForwardingPipelineConfigRequest> Pushes { get; } = new();

    public ConcurrentQueue<MasterArbitrationUpdate> Bids { get; } = new();

    public ConcurrentQueue<PacketOut> PacketsOut { get; } = new();

    public ConcurrentQueue<string> ClientThumbprints { get; } = new();

    public ConcurrentDictionary<string, uint> Ports { get; } = new(StringComparer.Ordinal);

    public ConcurrentQueue<Gnmi.SetRequest> GnmiSets { get; } = new();

    public Func<WriteRequest, ServerCallContext, Task>? OnWrite { get; set; }

    public Func<ReadRequest, IServerStreamWriter<ReadResponse>, ServerCallContext, Task>? OnRead { get; set; }

    public Func<SetForwardingPipelineConfigRequest, Task>? OnPush { get; set; }

    /// <summary>Replaces the answer to a bid; null sends none.</summary>
    public Func<MasterArbitrationUpdate, MasterArbitrationUpdate?>? OnBid { get; set; }

    public Func<Gnmi.GetRequest, Gnmi.GetResponse>? OnGnmiGet { get; set; }

    public Action<Gnmi.SetRequest>? OnGnmiSet { get; set; }

    public ForwardingPipelineConfig? Loaded { get; set; }

    public int StreamCount
    {
        get
        {
            lock (_gate)
            {
                return _controllers.Count;
            }
        }
    }

    public ElectionId Highest
    {
        get
        {
            lock (_gate)
            {
                return _highest;
            }
        }

        set
        {
            lock (_gate)
            {
                _highest = value;
            }
        }
    }

    /// <summary>Ends every stream.</summary>
    public void HangUp()
    {
        lock (_gate)
        {
            foreach (var controller in _controllers)
            {
                controller.End.Cancel();
            }
        }
    }

    public void Join(Controller controller)
    {
        lock (_gate)
        {
            _controllers.Add(controller);
        }
    }

    public void Leave(Controller controller)
    {
        lock (_gate)
        {
            _controllers.Remove(controller);
            if (controller.Id == _highest)
            {
                Announce();
            }
        }
    }

    public void Bid(Controller controller, MasterArbitrationUpdate bid)
    {
        Bids.Enqueue(bid);
        if (OnBid is { } custom)
        {
            if (custom(bid) is { } answer)
            {
                controller.Send(new StreamMessageResponse { Arbitration = answer });
            }

            return;
        }

        lock (_gate)
        {
            controller.Id = new ElectionId(bid.ElectionId.High, bid.ElectionId.Low);
            controller.DeviceId = bid.DeviceId;
            if (controller.Id > _highest)
            {
                _highest = controller.Id;
                Announce();
            }
            else
            {
                Answer(controller);
            }
        }
    }

    /// <summary>A foreign controller outbids all others.</summary>
    public void StealPrimary()
    {
        lock (_gate)
        {
            var thief = new Controller(_ => { }) { Id = _highest.Next() };
            _highest = thief.Id;
            _controllers.Add(thief);
            Announce();
        }
    }

    /// <summary>The controllers made by <see cref="StealPrimary"/> leave.</summary>
    public void OtherControllersLeave()
    {
        lock (_gate)
        {
            _controllers.RemoveAll(c => c.DeviceId == 0);
            Announce();
        }
    }

    public void SendPacketIn(byte[] payload, ushort port)
    {
        lock (_gate)
        {
            foreach (var controller in _controllers)
            {
                controller.Send(new StreamMessageResponse
                {
                    Packet = new PacketIn
                    {
                        Payload = Google.Protobuf.ByteString.CopyFrom(payload),
                        Metadata =
                        {
                            new PacketMetadata
                            {
                                MetadataId = 1,
                                Value = Google.Protobuf.ByteString.CopyFrom((byte)(port >> 8), (byte)port),
                            },
                        },
                    },
                });
            }
        }
    }

    private void Announce()
    {
        foreach (var controller in _controllers)
        {
            Answer(controller);
        }
    }

    private void Answer(Controller controller)
    {
        var code = controller.Id == _highest ? StatusCode.OK
            : _controllers.Exists(c => c.Id == _highest) ? StatusCode.AlreadyExists
            : StatusCode.NotFound;
        controller.Send(new StreamMessageResponse
        {
            Arbitration = new MasterArbitrationUpdate
            {
                DeviceId = controller.DeviceId,
                ElectionId = new Uint128 { High = _highest.High, Low = _highest.Low },
                Status = new Google.Rpc.Status { Code = (int)code },
            },
        });
    }

    internal sealed class Controller(Action<StreamMessageResponse> send)
    {
        public ElectionId Id { get; set; }

        public ulong DeviceId { get; set; }

        public CancellationTokenSource End { get; } = new();

        public void Send(StreamMessageResponse message) => send(message);
    }
}

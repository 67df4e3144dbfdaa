using System.Diagnostics;
using ACCOffload.Fuzz.Tests.Engine;
using ACCOffload.Fuzz.Tests.Rpc;
using ACCOffload.Protos;
using ACCOffload.Protos.Infra;
using ACCOffload.Protos.V1;
using Google.Protobuf;
using Grpc.Core;

namespace ACCOffload.Fuzz.Tests.Server;

/// <summary>
/// Well-formed requests of both APIs at the limits of size, variety and order, with extreme numbers. Each must be answered in bounded
/// time, and so must a legitimate request sent at the same time.
/// </summary>
internal sealed class RequestTarget() : FuzzTarget("hostile-requests")
{
    public override int EpisodeLength => 50;

    public override int OneIn => 50;

    public override FuzzSession Start(Dice dice) => new Session();

    private sealed class Session : FuzzSession
    {
        private readonly ServedApi _served = new();
        private string _last = "";

        public override string Describe() => _last;

        public override bool Step(Dice dice)
        {
            var began = Stopwatch.GetTimestamp();
            var hostile = AskAsync(dice);
            _served.ServeAsync(anew: dice.OneIn(8)).GetAwaiter().GetResult();
            var accepted = hostile.GetAwaiter().GetResult();
            FuzzFailure.Unless(
                Stopwatch.GetElapsedTime(began) < TimeSpan.FromSeconds(20), $"{_last} took {Stopwatch.GetElapsedTime(began)}");
            return accepted;
        }

        public override void End() => _served.Dispose();

        private async Task<bool> AskAsync(Dice dice)
        {
            var offload = new Offload.OffloadClient(_served.Channel);
            var agent = new InfraAgent.InfraAgentClient(_served.Channel);
            try
            {
                switch (dice.Below(10))
                {
                    case 0:
                        return await offload.AttachAsync(Recorded(Attach(dice, dice.Below(5000))),
                            deadline: ServedApi.Deadline) is not null;
                    case 1:
                        return await offload.DetachAsync(Recorded(Detach(dice)), deadline: ServedApi.Deadline) is not null;
                    case 2:
                        return await offload.SyncAsync(Recorded(Sync(dice)), deadline: ServedApi.Deadline) is not null;
                    case 3:
                        return (await agent.NatTranslationAddAsync(Recorded(Service(dice)), deadline: ServedApi.Deadline)).Successful;
                    case 4:
                        return (await agent.NatTranslationDeleteAsync(Recorded(Service(dice)), deadline: ServedApi.Deadline)).Successful;
                    case 5:
                        return (await agent.AddDelSnatPrefixAsync(
                            Recorded(
                                new AddDelSnatPrefixRequest
                                {
                                    IsAdd = !dice.OneIn(4),
                                    Prefix = $"{dice.Below(256)}.{dice.Below(256)}.{dice.Below(256)}.0/{dice.Between(0, 32)}"
                                }),
                                    deadline: ServedApi.Deadline)).Successful;
                    case 6:
                        return (await agent.CreateNetworkAsync(Recorded(InfraMessages.Create(dice, odd: dice.OneIn(2))),
                            deadline: ServedApi.Deadline)).Successful;
                    case 7:
                        return (await agent.SetupHostInterfaceAsync(
                            Recorded(new SetupHostInterfaceRequest
                            {
                                IfName = "tap0",
                                Ipv4Addr = "200.1.1.2",
                                MacAddr = "02:00:00:00:00:fe",
                            }),
                            deadline: ServedApi.Deadline)).Successful;
                    case 8:
                        var (method, request) = HostilePolicy.Of(dice);
                        _last = $"{method.Name} of {request.Length} bytes";
                        return await _served.Channel.CreateCallInvoker().AsyncUnaryCall(
                            method, null, new CallOptions(deadline: ServedApi.Deadline), request) is not null;
                    default:
                        return (await agent.SetSnatAddressAsync(
                            Recorded(new SetSnatAddressRequest { SnatIpv4 = dice.Pick("192.0.2.2", "10.244.1.7", "", "224.0.0.1") }),
                            deadline: ServedApi.Deadline)).Successful;
                }
            }
            catch (RpcException e)
            {
                FuzzFailure.Unless(
                    e.StatusCode is StatusCode.InvalidArgument or StatusCode.AlreadyExists or StatusCode.FailedPrecondition
                        or StatusCode.ResourceExhausted or StatusCode.Aborted or StatusCode.NotFound,
                    $"answered with {e.Status}");
                return false;
            }
        }

        private T Recorded<T>(T request)
            where T : IMessage
        {
            var text = $"{request.Descriptor.Name} of {request.CalculateSize()} bytes: {request}";
            _last = text[..Math.Min(text.Length, 2000)];
            return request;
        }

        private static AttachRequest Attach(Dice dice, int n) => new()
        {
            Key = Key(dice, n),
            Kind = Protos.V1.EndpointKind.Pod,
            Device = new Device { Kind = "veth", PortName = $"acc{n}", Mac = ByteString.CopyFrom(2, 0, 0, 1, (byte)(n >> 8), (byte)n) },
            PodName = Text(dice, 'p'),
            PodNamespace = Text(dice, 'n'),
            PodUid = Text(dice, 'u'),
            Mtu = dice.Pick(0u, 576u, 65535u),
            Epoch = Extreme(dice),
            Sequence = Extreme(dice),
            Addresses = { Enumerable.Range(0, dice.Pick(1, ProtocolLimits.MaxAddresses))
                .Select(i => ByteString.CopyFrom(10, 244, 1, (byte)(n + i))) },
        };

        private static DetachRequest Detach(Dice dice) =>
            new() { Key = Key(dice, dice.Below(5000)), Epoch = Extreme(dice), Sequence = Extreme(dice) };

        /// <summary>Attachments that are all different, all equal, or in conflict with each other.</summary>
        private static SyncRequest Sync(Dice dice)
        {
            var request = new SyncRequest { Epoch = Extreme(dice), Sequence = Extreme(dice) };
            var (count, step) = (dice.Pick(0, 1, 100, ProtocolLimits.MaxAttachments), dice.Pick(0, 1, -1));
            for (var i = 0; i < count; i++)
            {
                var attachment = Attach(dice, step * i < 0 ? count + (step * i) : step * i);
                // Names of maximum length would exceed the message limit.
                attachment.PodName = attachment.PodNamespace = attachment.PodUid = "";
                attachment.Key.Network = "net";
                request.Attachments.Add(attachment);
            }
            return request;
        }

        private static NatTranslation Service(Dice dice) => new()
        {
            Endpoint = new NatEndpoint
            {
                Ipv4Addr = dice.OneIn(6) ? "192.0.2.2" : $"10.96.{dice.Below(3)}.{dice.Below(4)}",
                Port = dice.Pick(1u, 22u, 80u, 30000u, 65535u)
            },
            Proto = dice.Pick("TCP", "UDP", "SCTP"),
            IsRealIp = dice.OneIn(4),
            Backends =
            {
                Enumerable.Range(0, dice.Pick(0, 1, 100, 8192, 8193)).Select(i => new NatEndpointTuple
                {
                    DstEp = new NatEndpoint { Ipv4Addr = $"10.{dice.Pick(244, 245)}.{i >> 8}.{i & 255}",
                        Port = dice.Pick(1u, 8080u, 65535u) },
                }),
            },
        };

        private static AttachmentKey Key(Dice dice, int n) =>
            new()
            {
                Network = dice.OneIn(4) ? new string('n', 253) : $"net-{dice.Below(80)}",
                ContainerId = $"c{n}",
                InterfaceName = dice.OneIn(4) ? new string('i', 15) : "eth0"
            };

        private static string Text(Dice dice, char c) => new(c, dice.Pick(0, 1, 253, ProtocolLimits.MaxNameBytes));

        private static ulong Extreme(Dice dice) => dice.Pick(0ul, 1ul, 2ul, (ulong)long.MaxValue, ulong.MaxValue - 1, ulong.MaxValue);
    }
}

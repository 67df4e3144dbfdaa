using ACCOffload.Fuzz.Tests.Engine;
using ACCOffload.Protos.V1;
using Google.Protobuf;

namespace ACCOffload.Fuzz.Tests.Rpc;

/// <summary>
/// Generates requests with few names, numbers and addresses, so that they collide. With <c>odd</c>, some have unusual contents.
/// </summary>
internal static class OffloadMessages
{
    public static AttachRequest Attach(Dice dice, bool odd)
    {
        var n = dice.Below(12);
        var host = dice.OneIn(12);
        var request = new AttachRequest
        {
            Key = Key(dice, n),
            Kind = host ? EndpointKind.Host : EndpointKind.Pod,
            // Mostly its own port and MAC, sometimes a neighbour's.
            Device = new Device
            {
                Kind = dice.OneIn(8) ? "tap" : "veth",
                PortName = $"acc{Near(dice, n)}",
                Mac = ByteString.CopyFrom(2, 0, 0, 0, 0, (byte)(Near(dice, n) + 1))
            },
            PodName = $"web-{n}",
            PodNamespace = dice.OneIn(4) ? "" : "default",
            PodUid = $"uid-{n}",
            Mtu = dice.Pick(0u, 0u, 1400u, 576u, 65535u),
        };
        (request.Epoch, request.Sequence) = Stamp(dice);
        for (var i = dice.Pick(1, 1, 1, 2); i > 0; i--)
        {
            request.Addresses.Add(host
                ? ByteString.CopyFrom(dice.OneIn(2) ? [200, 1, 1, 2] : [192, 0, 2, 10])
                : ByteString.CopyFrom(10, 244, 1, (byte)(Near(dice, n) + (i * 2) - 2)));
        }

        for (var i = host ? 0 : dice.Pick(0, 0, 0, 1, 2); i > 0; i--)
        {
            request.HostPorts.Add(HostPort(dice));
        }

        if (odd && dice.OneIn(2))
        {
            MakeOdd(dice, request);
        }

        return request;
    }

    private static PortMapping HostPort(Dice dice)
    {
        var port = dice.Pick(80u, 81u, 65535u);
        return new PortMapping
        {
            Protocol = dice.Pick(6u, 6u, 17u, 132u),
            Port = port,
            PodPort = dice.OneIn(2) ? port : dice.Pick(1u, 8080u),
            Address = ByteString.CopyFrom(
                dice.Pick<byte[]>([], [], [0, 0, 0, 0], [192, 0, 2, 10], [198, 51, 100, 10], [127, 0, 0, 1], new byte[16],
                    [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])),
        };
    }

    public static DetachRequest Detach(Dice dice, bool odd)
    {
        var request = new DetachRequest { Key = Key(dice, dice.Below(12)) };
        (request.Epoch, request.Sequence) = Stamp(dice);
        if (odd && dice.OneIn(3))
        {
            MakeKeyOdd(dice, request.Key);
        }

        if (odd && dice.OneIn(20))
        {
            request.Key = null;
        }

        return request;
    }

    public static SyncRequest Sync(Dice dice, bool odd)
    {
        var request = new SyncRequest();
        (request.Epoch, request.Sequence) = Stamp(dice);
        for (var i = dice.Below(6); i > 0; i--)
        {
            request.Attachments.Add(Attach(dice, odd && dice.OneIn(6)));
        }

        if (odd && dice.OneIn(2000))
        {
            request.Attachments.AddRange(Enumerable.Repeat(Attach(dice, false), dice.Pick(4096, 4097)));
        }

        return request;
    }

    private static AttachmentKey Key(Dice dice, int n) =>
        new() { Network = dice.Pick("net-a", "net-a", "net-b"), ContainerId = $"c{n}", InterfaceName = dice.OneIn(6) ? "net1" : "eth0" };

    private static int Near(Dice dice, int n) => dice.OneIn(5) ? dice.Below(14) : n;

    private static (ulong Epoch, ulong Sequence) Stamp(Dice dice) => dice.Below(8) switch
    {
        0 => (0, 0),
        1 => (dice.OddNumber() & 3, dice.OddNumber()),
        _ => (dice.Pick(1ul, 1ul, 1ul, 2ul), (ulong)dice.Below(60)),
    };

    private static void MakeOdd(Dice dice, AttachRequest request)
    {
        switch (dice.Below(15))
        {
            case 0:
                request.Key = null;
                break;
            case 1:
                MakeKeyOdd(dice, request.Key);
                break;
            case 2:
                request.Kind = (EndpointKind)(int)dice.OddNumber();
                break;
            case 3:
                request.Device = null;
                break;
            case 4:
                request.Device.Kind = dice.OddText();
                break;
            case 5:
                request.Device.PortName = dice.OddText();
                break;
            case 6:
                request.Device.Mac = ByteString.CopyFrom(dice.Bytes(dice.Pick(0, 5, 6, 6, 6, 7, 300)));
                break;
            case 7:
                request.Device.Mac = ByteString.CopyFrom(dice.OneIn(2) ? new byte[6] : [2, 0xAC, 0xC0, 0, 0, 1]);
                break;
            case 8:
                request.Mtu = (uint)dice.OddNumber();
                break;
            case 9:
                request.Addresses.Add(ByteString.CopyFrom(dice.Bytes(dice.Pick(0, 3, 4, 5, 16, 17))));
                break;
            case 10:
                request.Addresses.Add(ByteString.CopyFrom(dice.Pick<byte[]>(
                    [169, 254, 1, 1], [200, 1, 1, 2], [192, 0, 2, 10], [10, 96, 5, 1], [127, 0, 0, 1], [224, 0, 0, 1], [10, 244, 1, 16],
                    [10, 244, 1, 15], [0, 0, 0, 0], [255, 255, 255, 255],
                    [169, 254, 1, 2], [200, 1, 1, 7], [200, 1, 1, 8], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 244, 1, 2])));
                break;
            case 11:
                request.Addresses.Clear();
                break;
            case 12:
                for (var i = dice.Pick(15, 16, 17, 200); i > 0; i--)
                {
                    request.Addresses.Add(ByteString.CopyFrom(10, 244, 1, (byte)i));
                }

                break;
            case 13:
                request.HostPorts.Add(new PortMapping
                {
                    Protocol = dice.OneIn(2) ? 6 : (uint)dice.OddNumber(),
                    Port = dice.OneIn(2) ? 80 : (uint)dice.OddNumber(),
                    PodPort = dice.OneIn(2) ? 80 : (uint)dice.OddNumber(),
                    Address = ByteString.CopyFrom(dice.Bytes(dice.Pick(0, 0, 3, 4, 5, 16, 17))),
                });
                for (var i = dice.Pick(0, 0, 63, 64, 65); i > 0; i--)
                {
                    request.HostPorts.Add(new PortMapping { Protocol = 6, Port = (uint)(1000 + i), PodPort = 80 });
                }

                break;
            default:
                request.PodName = dice.OddText();
                request.PodUid = dice.OneIn(2) ? dice.OddText() : request.PodUid;
                break;
        }
    }

    private static void MakeKeyOdd(Dice dice, AttachmentKey key)
    {
        switch (dice.Below(3))
        {
            case 0:
                key.Network = dice.OddText();
                break;
            case 1:
                key.ContainerId = dice.OddText();
                break;
            default:
                key.InterfaceName = dice.OddText();
                break;
        }
    }
}

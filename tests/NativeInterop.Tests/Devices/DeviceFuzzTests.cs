using ACCOffload.FakeKernel.Scripted;
using ACCOffload.NativeInterop.Devlink;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Pci;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;
using CsCheck;

namespace ACCOffload.NativeInterop.Tests.Devices;

/// <summary>The codecs of devlink, the generic netlink controller and virtual functions with arbitrary bytes.</summary>
public sealed class DeviceFuzzTests
{
    private static readonly DevlinkHandle Device = DevlinkHandle.Pci("0000:01:00.0");

    // Types in and around the ranges that the codecs parse. The values' sizes are independent of the type.
    private static readonly Gen<int> Types = Gen.OneOf(Gen.Int[0, 30], Gen.Int[60, 80], Gen.Int[96, 106], Gen.Int[125, 170]);

    private static readonly Gen<byte[]> Values = Gen.OneOf(Gen.Byte.Array[1], Gen.Byte.Array[2], Gen.Byte.Array[4], Gen.Byte.Array[6],
        Gen.Byte.Array[8], Gen.Byte.Array[12], Gen.Byte.Array[36], Gen.Byte.Array[0, 40]);

    private static readonly Gen<byte[]> Leaves = Gen.Select(Gen.Int[0, 16], Values)
        .Select((type, value) => Bytes.Attribute(type, value)).Array[0, 4].Select(Join);

    private static readonly Gen<byte[]> Nests = Gen.Select(Gen.Int[0, 3], Leaves)
        .Select((type, value) => Bytes.Attribute(type | 0x8000, value)).Array[0, 3].Select(Join);

    private static readonly Gen<byte[]> Soup = Gen.Select(Types, Gen.OneOf(Values, Leaves, Nests))
        .Select((type, value) => Bytes.Attribute(type, value)).Array[0, 8].Select(Join);

    // With the required attributes of an object, so that most are accepted.
    private static readonly Gen<byte[]> Named = Soup.Select(soup => (
        byte[])[.. Bytes.Attribute(1, "pci\0"u8), .. Bytes.Attribute(2, "0000:01:00.0\0"u8), .. Bytes.Attribute(3, [1, 0, 0, 0]), .. soup]);

    private static readonly Gen<byte[]> Attributes = Gen.OneOf(Soup, Named, Gen.Byte.Array[0, 200]);

    private static readonly Gen<byte> Commands = OneOf<byte>(1, 3, 4, 5, 7, 8, 29, 51, 76, 200);

    [Fact]
    public void Devlink_replies_are_parsed_or_rejected() =>
        Gen.Select(Gen.Int[0, 6], Commands, Attributes, Gen.Int[0, 3]).Sample((method, command, attributes, cut) =>
    {
        byte[] payload = [command, 1, 0, 0, .. attributes];
        payload = payload[..Math.Max(0, payload.Length - (cut == 0 ? attributes.Length / 2 : 0))];
        using var devlink = new ScriptedSockets().Open((kernel, sequence) =>
        {
            var dump = (kernel.Requests[^1][7] & 3) == 3;
            kernel.Answer(Bytes.Message(ScriptedSockets.Family, dump ? 2 : 0, sequence, ScriptedKernel.Port, payload));
            if (dump)
            {
                kernel.Done(sequence);
            }
            else
            {
                kernel.Acknowledge(sequence);
            }
        });
        try
        {
            switch (method)
            {
                case 0:
                    Assert.All(devlink.GetDevices(), Good);
                    break;
                case 1:
                    Assert.All(devlink.GetPorts(), p => Good(p.Device));
                    break;
                case 2:
                    if (devlink.GetPort(Device, 1) is { } port)
                    {
                        Good(port.Device);
                    }

                    break;
                case 3:
                    Assert.NotNull(devlink.GetEswitch(Device));
                    break;
                default:
                    Good(devlink.CreateSubfunction(new SubfunctionSpec { Device = Device, PfNumber = 0 }).Device);
                    break;
            }
        }
        catch (NetlinkException e)
        {
            Assert.Equal(Errno.EBADMSG, e.Errno);
        }
    }, iter: 5_000);

    [Fact]
    public void A_valid_port_is_accepted_with_any_unknown_attributes() =>
        Gen.Select(Gen.Int[200, 0x3FFF], Gen.Byte.Array[0, 40]).Array[0, 5].Sample(unknown =>
    {
        var port = Parse([7, 1, 0, 0, .. Bytes.Attribute(1, "pci\0"u8), .. Bytes.Attribute(2, "a\0"u8),
            .. Join([.. unknown.Select(a => Bytes.Attribute(a.Item1, a.Item2))]), .. Bytes.Attribute(3, [9, 0, 0, 0])]);
        Assert.Equal(new DevlinkPort { Device = new DevlinkHandle("pci", "a"), Index = 9 }, port);

        static DevlinkPort Parse(byte[] payload)
        {
            ReadOnlySpan<byte> datagram = Bytes.Message(ScriptedSockets.Family, 0, 0, 0, payload);
            Assert.True(NetlinkMessage.TryTake(ref datagram, out var message));
            Assert.True(DevlinkCodec.ParsePort(message, out var port));
            return port;
        }
    }, iter: 2_000);

    [Fact]
    public void Notifications_are_read_or_reported_as_lost() =>
        Gen.Select(OneOf(ScriptedSockets.Family, 2, 3, 0x10), Commands, Attributes).Array[1, 4].Sample(messages =>
    {
        using var kernel = new ScriptedKernel();
        kernel.Answer([.. messages.Select(m => Bytes.Message(m.Item1, 0, 0, 0, [m.Item2, 1, 0, 0, .. m.Item3]))]);
        var reader = new NotificationReader(kernel, "test");
        var events = 0;
        Notification found;
        while ((found = reader.Read<DevlinkEvent>(DevlinkCodec.ParseEvent, out var change)) != Notification.None)
        {
            Assert.True(++events <= messages.Length);
            if (found == Notification.Read)
            {
                Good(change.Device!);
            }
        }
    }, iter: 5_000);

    [Fact]
    public void Families_are_parsed_or_rejected() =>
        Gen.Select(OneOf<byte>(1, 2, 3), Attributes, Gen.Bool).Sample((command, attributes, named) =>
    {
        byte[] payload = [command, 2, 0, 0, .. named ? (byte[])[.. Bytes.Attribute(2, "x\0"u8), .. Bytes.Attribute(1, [0x20, 0])]
            : [], .. attributes];
        ReadOnlySpan<byte> datagram = Bytes.Message(0x10, 0, 0, 0, payload);
        Assert.True(NetlinkMessage.TryTake(ref datagram, out var message));
        try
        {
            if (GenetlinkCodec.Parse(message, out var family))
            {
                Assert.NotEmpty(family.Name);
                Assert.True(family.Id >= 0x10);
                Assert.All(family.Groups, g => Assert.InRange(g.Value, 1u, (uint)int.MaxValue));
            }
        }
        catch (NetlinkException e)
        {
            Assert.Equal(Errno.EBADMSG, e.Errno);
        }
    }, iter: 5_000);

    [Fact]
    public void Virtual_functions_are_parsed_or_rejected() => Gen.Select(Attributes, Nests, Gen.Bool).Sample((attributes, list, good) =>
    {
        byte[] payload = [.. new byte[16], .. attributes, .. good ? Bytes.Attribute(22, list) : []];
        ReadOnlySpan<byte> datagram = Bytes.Message(16, 0, 0, 0, payload);
        Assert.True(NetlinkMessage.TryTake(ref datagram, out var message));
        var functions = new List<VfInfo>();
        try
        {
            Assert.True(VfCodec.Parse(message, functions));
            Assert.All(functions, f => Assert.True(f.Number >= 0));
        }
        catch (NetlinkException e)
        {
            Assert.Equal(Errno.EBADMSG, e.Errno);
        }
    }, iter: 5_000);

    private static Gen<T> OneOf<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);

    private static byte[] Join(byte[][] parts) => [.. parts.SelectMany(p => p)];

    private static void Good(DevlinkHandle device)
    {
        Assert.NotEmpty(device.Bus);
        Assert.NotEmpty(device.Name);
    }
}

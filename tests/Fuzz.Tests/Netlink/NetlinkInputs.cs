using System.Buffers.Binary;
using ACCOffload.FakeKernel.Scripted;
using ACCOffload.Fuzz.Tests.Engine;

namespace ACCOffload.Fuzz.Tests.Netlink;

/// <summary>Generates datagrams of a few messages, as the kernel sends them or with invalid types, lengths and contents.</summary>
internal static class NetlinkInputs
{
    public static byte[] Datagram(Dice dice, int kind, uint sequence)
    {
        var messages = new List<byte>(Message(dice, kind, sequence));
        for (var more = dice.Below(4); more > 0; more--)
        {
            messages.AddRange(Message(dice, kind, sequence));
        }

        switch (dice.Below(8))
        {
            case 0:
                messages.AddRange(Bytes.Message(2, dice.Pick(0x100, 0x200, 0), sequence, ScriptedKernel.Port,
                    [.. Bytes.Int(dice.Pick(0, -1, -17, -95, int.MinValue)), .. new byte[16],
                        .. Attributes(dice, [1, 2, 3], (d, _) => Name(d))]));
                break;
            case 1:
                messages.AddRange(Bytes.Message(3, 2, sequence, ScriptedKernel.Port, Bytes.Int(dice.Pick(0, 0, -4))));
                break;
        }

        byte[] datagram = [.. messages];
        // Do not mutate the first header, so that its sequence number still matches the request in most datagrams.
        return dice.OneIn(8) ? [.. datagram[..16], .. ByteMutator.Mutate(dice, datagram[16..])] : datagram;
    }

    private static byte[] Message(Dice dice, int kind, uint sequence)
    {
        var type = dice.OneIn(20) ? dice.Pick(1, 2, 3, 4, 16, 17, 20, 24, 28, 99) : kind;
        var flags = dice.OneIn(40) ? 0x12 : 2;
        var ours = !dice.OneIn(40);
        var family = Family(dice);
        byte[] payload = kind switch
        {
            16 => [0, 0, 1, 0, .. Number(dice, dice.Between(1, 9)), .. Bytes.Int(dice.Pick(0, 1, 0x10043)), .. new byte[4],
                .. Attributes(dice, [3, 1, 4, 5, 18, 20, 37, 52], LinkValue)],
            20 => [family, (byte)(dice.OneIn(20) ? dice.Below(256) : dice.Pick(24, 32)), (byte)dice.Below(256), 0,
                .. Number(dice, dice.Between(1, 9)),
                .. Attributes(dice, [2, 1, 3, 8], (d, type) => type == 3 ? Name(d) : type == 8 ? d.Bytes(4) : Address(d, family))],
            24 => [family, (byte)(dice.OneIn(20) ? dice.Below(256) : dice.Pick(0, 8, 32)), 0, 0, 254, 3, 0, (byte)dice.Pick(1, 1, 1, 2),
                .. Number(dice, 0), .. Attributes(dice, [1, 4, 5, 6, 7, 8, 15, 18], (d, type) => RouteValue(d, type, family))],
            _ => [family, 0, 0, 0, .. Number(dice, dice.Between(1, 9)), (byte)dice.Pick(1, 2, 4, 32, 128), 0, (byte)dice.Pick(0, 8, 128), 1,
                .. Attributes(dice, [1, 2, 3, 8, 15], (d, type) => NeighborValue(d, type, family))],
        };
        if (dice.OneIn(25))
        {
            payload = payload[..dice.Below(payload.Length + 1)];
        }

        var message = Bytes.Message(type, flags, ours ? sequence : sequence + 1, ours || dice.OneIn(2) ? ScriptedKernel.Port : 1, payload);
        if (dice.OneIn(50))
        {
            BinaryPrimitives.WriteUInt32LittleEndian(message,
                dice.OneIn(2) ? (uint)(message.Length + dice.Between(-8, 8)) : (uint)dice.OddNumber());
        }

        return message;
    }

    private static byte Family(Dice dice) => dice.OneIn(20) ? (byte)dice.Below(40) : dice.Pick<byte>(2, 2, 10);

    private static byte[] Number(Dice dice, int usual) => Bytes.Int(dice.OneIn(25) ? (int)dice.OddNumber() : usual);

    /// <summary>Usually starts with the first type and continues with random ones; most values are typical.</summary>
    private static byte[] Attributes(Dice dice, ReadOnlySpan<int> types, Func<Dice, int, byte[]> usual)
    {
        var attributes = new List<byte>();
        for (var count = dice.Between(0, 5); count >= 0; count--)
        {
            var type = attributes.Count == 0 && !dice.OneIn(20) ? types[0] : dice.OneIn(30) ? dice.Below(64) : dice.Pick(types);
            var value = dice.OneIn(40) ? dice.Bytes(dice.Below(40)) : usual(dice, type);
            attributes.AddRange(Bytes.Attribute(dice.OneIn(15) ? type | 0x8000 : type, value));
        }

        if (dice.OneIn(40) && attributes.Count > 4)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(attributes),
                (ushort)dice.OddNumber());
        }

        return [.. attributes];
    }

    private static byte[] LinkValue(Dice dice, int type) => type switch
    {
        1 => dice.Bytes(dice.Pick(6, 6, 6, 4, 20)),
        3 or 20 => Name(dice),
        18 => [.. Bytes.Attribute(dice.Pick(1, 1, 2), "veth\0"u8), .. dice.OneIn(20) ? dice.Bytes(dice.Between(1, 4)) : []],
        52 => [.. Bytes.Attribute(53, Name(dice)), .. Bytes.Attribute(dice.Pick(53, 54), Name(dice))],
        _ => Bytes.Int(dice.OneIn(3) ? (int)dice.OddNumber() : dice.Below(2000)),
    };

    private static byte[] RouteValue(Dice dice, int type, byte family) => type switch
    {
        1 or 5 or 7 => Address(dice, family),
        8 => Bytes.Attribute(2, Bytes.Int(dice.Below(9000))),
        18 => [dice.Pick<byte>(2, 10), 0, .. dice.Bytes(dice.Pick(4, 16))],
        15 => Bytes.Int(254),
        _ => Bytes.Int(dice.Below(100)),
    };

    private static byte[] NeighborValue(Dice dice, int type, byte family) => type switch
    {
        1 => Address(dice, family),
        2 => dice.Bytes(dice.Pick(6, 6, 6, 4, 20)),
        3 => dice.Bytes(dice.Pick(16, 16, 20)),
        _ => Bytes.Int(dice.OneIn(3) ? (int)dice.OddNumber() : dice.Below(4)),
    };

    private static byte[] Address(Dice dice, byte family) => dice.Bytes(family == 10 ? 16 : 4);

    private static byte[] Name(Dice dice) =>
        dice.Pick<byte[]>("eth0\0"u8.ToArray(), "veth-long-name0\0"u8.ToArray(), "x"u8.ToArray(), [0xFF, 0xFE, 0],
            dice.OneIn(10) ? [] : "lo\0"u8.ToArray());
}

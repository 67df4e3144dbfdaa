using System.Net;
using System.Text;
using ACCOffload.FakeKernel.Scripted;

namespace ACCOffload.Fuzz.Tests.Netlink;

/// <summary>
/// A simple parser that uses only indices, for a list datagram known to be complete. It stops at the end-of-list message or an
/// acknowledgement.
/// </summary>
internal static class PlainNetlink
{
    public static IEnumerable<string> Links(byte[] datagram, uint sequence)
    {
        foreach (var (type, body) in Messages(datagram, sequence))
        {
            if (type is not (16 or 17) || body[0] != 0)
            {
                continue;
            }

            var attributes = Attributes(body, 16);
            // The last address counts: one of another length after an Ethernet address discards it.
            var mac = Last(attributes, 1) is { Length: 6 } six
                ? string.Join(':', six.Select(b => b.ToString("x2", null)))
                : "00:00:00:00:00:00";
            var mtu = Last(attributes, 4) is { } m ? Math.Min(BitConverter.ToUInt32(m), int.MaxValue) : 0;
            var kind = attributes.Where(a => a.Type == 18).SelectMany(a => Attributes(a.Value, 0)).LastOrDefault(a => a.Type == 1).Value;
            yield return $"{BitConverter.ToInt32(body, 4)} {Text(Last(attributes, 3))} {mac} {mtu} {(body[8] & 1) != 0} {Text(kind)} "
                + $"{(Last(attributes, 5) is { } p ? BitConverter.ToInt32(p) : 0)} {Text(Last(attributes, 20))}";
        }
    }

    public static IEnumerable<string> Addresses(byte[] datagram, uint sequence)
    {
        foreach (var (type, body) in Messages(datagram, sequence))
        {
            if (type != 20 || body[0] is not (2 or 10))
            {
                continue;
            }

            var attributes = Attributes(body, 8);
            yield return $"{BitConverter.ToInt32(body, 4)} {new IPAddress(Last(attributes, 2) ?? Last(attributes, 1)!)}/{body[1]}";
        }
    }

    public static IEnumerable<string> Neighbors(byte[] datagram, uint sequence)
    {
        foreach (var (type, body) in Messages(datagram, sequence))
        {
            if (type is not (28 or 29) || body[0] is not (2 or 10))
            {
                continue;
            }

            var attributes = Attributes(body, 12);
            var mac = Last(attributes, 2) is { Length: 6 } six ? string.Join(':', six.Select(b => b.ToString("x2", null))) : "";
            // Every NDA_FLAGS_EXT adds its flags.
            var managed = attributes.Any(a => a.Type == 15 && (a.Value[0] & 1) != 0);
            var confirmed = Last(attributes, 3) is { } times ? $"{BitConverter.ToUInt32(times) * 10.0}" : "";
            yield return $"{BitConverter.ToInt32(body, 4)} {new IPAddress(Last(attributes, 1)!)} {mac} {BitConverter.ToUInt16(body, 8)} "
                + $"{body[10]} {managed} {confirmed}";
        }
    }

    public static IEnumerable<string> Ports(byte[] datagram, uint sequence)
    {
        foreach (var (type, body) in Messages(datagram, sequence))
        {
            if (type < 16 || body[0] is not (3 or 7 or 8))
            {
                continue;
            }

            var attributes = Attributes(body, 4);
            // Older kernels (such as 6.1) list ports with DEVLINK_CMD_NEW. For a device, that message has no port index.
            if (body[0] == 3 && !attributes.Any(a => a.Type == 3))
            {
                continue;
            }

            var (mac, active, attached) = ("", "", "");
            // Several function attributes are merged.
            foreach (var (which, value) in attributes.Where(a => a.Type == 145).SelectMany(a => Attributes(a.Value, 0)))
            {
                if (which == 1)
                {
                    mac = value.Length == 6 ? string.Join(':', value.Select(b => b.ToString("x2", null))) : "";
                }
                else if (which == 2)
                {
                    active = $"{value[0] == 1}";
                }
                else if (which == 3)
                {
                    attached = $"{value[0] == 1}";
                }
            }

            yield return $"{Text(Last(attributes, 1))}/{Text(Last(attributes, 2))} {Number(attributes, 3)} {Number(attributes, 77)} "
                + $"{Number(attributes, 127)} {Number(attributes, 164)} {Text(Last(attributes, 7))} {active} {attached} {mac}";
        }
    }

    private static string Number(List<(int Type, byte[] Value)> attributes, int type) =>
        Last(attributes, type) is { } value ? $"{(value.Length == 2 ? BitConverter.ToUInt16(value) : BitConverter.ToUInt32(value))}" : "";

    private static IEnumerable<(int Type, byte[] Body)> Messages(byte[] datagram, uint sequence)
    {
        for (var at = 0; at + 16 <= datagram.Length;)
        {
            var length = (int)BitConverter.ToUInt32(datagram, at);
            var type = BitConverter.ToUInt16(datagram, at + 4);
            if (BitConverter.ToUInt32(datagram, at + 8) == sequence && BitConverter.ToUInt32(datagram, at + 12) == ScriptedKernel.Port)
            {
                if (type is 2 or 3)
                {
                    yield break;
                }

                if (type != 1)
                {
                    yield return (type, datagram[(at + 16)..(at + length)]);
                }
            }

            at += (length + 3) & ~3;
        }
    }

    private static List<(int Type, byte[] Value)> Attributes(byte[] bytes, int start)
    {
        var attributes = new List<(int, byte[])>();
        for (var at = start; at + 4 <= bytes.Length;)
        {
            var length = BitConverter.ToUInt16(bytes, at);
            attributes.Add((BitConverter.ToUInt16(bytes, at + 2) & 0x3FFF, bytes[(at + 4)..(at + length)]));
            at += (length + 3) & ~3;
        }

        return attributes;
    }

    private static byte[]? Last(List<(int Type, byte[] Value)> attributes, int type) => attributes.LastOrDefault(a => a.Type == type).Value;

    private static string Text(byte[]? value) =>
        value is null ? "" : Encoding.UTF8.GetString(value, 0, Array.IndexOf(value, (byte)0) is >= 0 and var end ? end : value.Length);
}

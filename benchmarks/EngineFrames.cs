using System.Buffers.Binary;
using System.Net;
using ACCOffload.TestKit.Labs;

namespace ACCOffload.Benchmarks;

/// <summary>Frames of the pods of an <see cref="EngineRun"/>, with the ports that they enter by.</summary>
internal static class EngineFrames
{
    private const ulong GatewayMac = 0x02ACC0000001;
    private const string Service = "10.96.0.1";

    /// <summary>Datagrams from each pod to the next one.</summary>
    public static (uint Port, byte[] Frame)[] Datagrams() =>
        [.. Enumerable.Range(1, 16).Select(pod => ((uint)pod, Packet(pod, 17, Pod(pod), 4321, Pod((pod % 16) + 1), 1234)))];

    /// <summary>
    /// A connection through the service: the handshake, then eight times a request and a response, both acknowledged. The sequence is sent
    /// repeatedly.
    /// </summary>
    public static (uint Port, byte[] Frame)[] Connection()
    {
        const byte syn = 2, psh = 8, ack = 16;
        return
        [
            Client(syn, 1000, 0), Server(syn | ack, 5000, 1001), Client(ack, 1001, 5001),
            .. Enumerable.Repeat(new[] { Client(psh | ack, 1001, 5001), Server(ack, 5001, 1023), Server(psh | ack, 5001, 1023),
                Client(ack, 1023, 5023) }, 8).SelectMany(f => f),
        ];

        static (uint, byte[]) Client(int flags, uint sequence, uint acknowledgment) =>
            (1, Packet(1, 6, Pod(1), 5000, Service, 80, (byte)flags, sequence, acknowledgment));

        static (uint, byte[]) Server(int flags, uint sequence, uint acknowledgment) =>
            (2, Packet(2, 6, Pod(2), 8080, Pod(1), 5000, (byte)flags, sequence, acknowledgment));
    }

    private static string Pod(int pod) => $"10.244.1.{pod}";

    private static byte[] Packet(int pod, byte protocol, string from, ushort fromPort, string to, ushort toPort, byte flags = 0,
        uint sequence = 0, uint acknowledgment = 0)
    {
        // UDP: 64-byte frames without the FCS. TCP: 22 bytes of data with PSH, none otherwise.
        var frame = new byte[protocol == 17 ? 60 : (flags & 8) != 0 ? 76 : 54];
        BinaryPrimitives.WriteUInt64BigEndian(frame, GatewayMac << 16);
        BinaryPrimitives.WriteUInt64BigEndian(frame.AsSpan(6), (0x020000000100ul + (ulong)pod) << 16);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), 0x0800);
        var ip = frame.AsSpan(14);
        ip[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)ip.Length);
        (ip[8], ip[9]) = (64, protocol);
        IPAddress.Parse(from).TryWriteBytes(ip[12..], out _);
        IPAddress.Parse(to).TryWriteBytes(ip[16..], out _);
        Frames.WriteHeaderChecksum(frame);
        BinaryPrimitives.WriteUInt16BigEndian(ip[20..], fromPort);
        BinaryPrimitives.WriteUInt16BigEndian(ip[22..], toPort);
        if (protocol == 17)
        {
            BinaryPrimitives.WriteUInt16BigEndian(ip[24..], (ushort)(ip.Length - 20));
            return frame;
        }
        BinaryPrimitives.WriteUInt32BigEndian(ip[24..], sequence);
        BinaryPrimitives.WriteUInt32BigEndian(ip[28..], acknowledgment);
        (ip[32], ip[33]) = (0x50, flags);
        return frame;
    }
}

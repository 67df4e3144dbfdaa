using System.Buffers.Binary;
using System.Net;

namespace ACCOffload.InfraManager.State.Values;

/// <summary>IPv4 addresses as numbers.</summary>
internal static class Ipv4
{
    /// <summary>In host byte order: 10.0.0.1 is 0x0a000001.</summary>
    /// <exception cref="InvalidOperationException">The address is not IPv4.</exception>
    public static uint Value(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[4];
        return address.TryWriteBytes(bytes, out var written) && written == bytes.Length
            ? BinaryPrimitives.ReadUInt32BigEndian(bytes)
            : throw new InvalidOperationException($"{address} is not IPv4");
    }
}

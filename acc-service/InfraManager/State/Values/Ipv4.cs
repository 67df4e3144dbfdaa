using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace ACCOffload.InfraManager.State.Values;

/// <summary>IPv4 addresses as numbers in host byte order: 10.0.0.1 is 0x0a000001.</summary>
internal static class Ipv4
{
    public static bool Is(IPAddress address) => address.AddressFamily == AddressFamily.InterNetwork;

    public static bool Is(IPNetwork network) => Is(network.BaseAddress);

    /// <exception cref="InvalidOperationException">The address is not IPv4.</exception>
    public static uint Value(IPAddress address) =>
        TryValue(address, out var value) ? value : throw new InvalidOperationException($"{address} is not IPv4");

    /// <summary>
    /// Whether it is an IPv4 address that a host can have: not "this" network (0/8), loopback (127/8), multicast or reserved (224/3). See
    /// RFC 6890.
    /// </summary>
    public static bool IsUnicast(IPAddress address) => TryValue(address, out var value) && value >> 24 is not (0 or 127 or >= 224);

    /// <summary>Whether it is an IPv4 link-local address (169.254/16, RFC 3927), which only neighbours on the link reach.</summary>
    public static bool IsLinkLocal(IPAddress address) => TryValue(address, out var value) && value >> 16 == 0xa9fe;

    /// <summary>The address as a number; false if it is not IPv4.</summary>
    public static bool TryValue(IPAddress address, out uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        var isIpv4 = address.TryWriteBytes(bytes, out var written) && written == bytes.Length;
        value = BinaryPrimitives.ReadUInt32BigEndian(bytes);
        return isIpv4;
    }
}

using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.State.Policy.Rules;

/// <summary>
/// An IPv4 or IPv6 address in 16 bytes, because policy keeps one for each pod of the cluster. IPv4 is stored in its IPv6-mapped form
/// (::ffff:0:0/96, RFC 4291), which no packet carries.
/// </summary>
/// <param name="Bits">The address as a number in host byte order.</param>
internal readonly record struct PolicyAddress(UInt128 Bits) : IComparable<PolicyAddress>
{
    /// <summary>Number of bits of the prefix that marks IPv4.</summary>
    public const int MappedLength = 96;

    private static readonly UInt128 Mapped = (UInt128)0xffff << 32;

    public bool IsIpv4 => Bits >> 32 == 0xffff;

    public static PolicyAddress Of(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out _);
        return address.AddressFamily == AddressFamily.InterNetwork
            ? new PolicyAddress(Mapped | BinaryPrimitives.ReadUInt32BigEndian(bytes))
            : new PolicyAddress(BinaryPrimitives.ReadUInt128BigEndian(bytes));
    }

    /// <exception cref="FormatException">It is not an address.</exception>
    public static PolicyAddress Parse(string text) => Of(IpText.Parse(text));

    public IPAddress ToIPAddress()
    {
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(bytes, Bits);
        return new IPAddress(IsIpv4 ? bytes[12..] : bytes);
    }

    public int CompareTo(PolicyAddress other) => Bits.CompareTo(other.Bits);

    public override string ToString() => ToIPAddress().ToString();
}

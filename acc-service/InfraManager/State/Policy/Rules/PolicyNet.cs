using System.Net;
using System.Net.Sockets;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.State.Policy.Rules;

/// <summary>A block of addresses of one family.</summary>
/// <param name="First">Its first address; the bits after the prefix are 0.</param>
/// <param name="Length">The prefix length in the 128-bit form: IPv4's own length plus 96.</param>
internal readonly record struct PolicyNet(PolicyAddress First, int Length) : IComparable<PolicyNet>
{
    private const int Bits = 128;

    /// <summary>All IPv4 addresses.</summary>
    public static PolicyNet AllIpv4 { get; } = Of(new IPNetwork(IPAddress.Any, 0));

    /// <summary>All IPv6 addresses.</summary>
    public static PolicyNet AllIpv6 { get; } = Of(new IPNetwork(IPAddress.IPv6Any, 0));

    public bool IsIpv4 => Length >= PolicyAddress.MappedLength && First.IsIpv4;

    /// <summary>Whether it is a single address.</summary>
    public bool IsHost => Length == Bits;

    /// <summary>The prefix length as written in CIDR notation.</summary>
    public int PrefixLength => IsIpv4 ? Length - PolicyAddress.MappedLength : Length;

    public static PolicyNet Of(IPNetwork network) => Around(
        PolicyAddress.Of(network.BaseAddress),
        network.PrefixLength + (network.BaseAddress.AddressFamily == AddressFamily.InterNetwork ? PolicyAddress.MappedLength : 0));

    /// <summary>The block of this length that contains the address. Bits after the prefix are cleared.</summary>
    /// <param name="address">Any address of the block.</param>
    /// <param name="length">The prefix length in the 128-bit form.</param>
    public static PolicyNet Around(PolicyAddress address, int length) => new(new PolicyAddress(address.Bits & Mask(length)), length);

    public static PolicyNet Host(PolicyAddress address) => new(address, Bits);

    /// <exception cref="FormatException">It is not a network in CIDR notation.</exception>
    public static PolicyNet Parse(string text) => Of(IpText.ParseNetwork(text));

    public bool Contains(PolicyAddress address) => address.IsIpv4 == IsIpv4 && (address.Bits & Mask(Length)) == First.Bits;

    public bool Contains(PolicyNet other) => other.Length >= Length && other.IsIpv4 == IsIpv4
        && (other.First.Bits & Mask(Length)) == First.Bits;

    public int CompareTo(PolicyNet other)
    {
        var byFirst = First.CompareTo(other.First);
        return byFirst != 0 ? byFirst : Length.CompareTo(other.Length);
    }

    public override string ToString() => $"{First}/{PrefixLength}";

    private static UInt128 Mask(int length) => length == 0 ? 0 : UInt128.MaxValue << (Bits - length);
}

using System.Net;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.State.Node;

/// <summary>An address of the node on the node network.</summary>
/// <param name="Address">The address, version 4 or 6.</param>
/// <param name="PrefixLength">The length of the prefix whose addresses are on the link, in bits.</param>
internal readonly record struct UplinkAddress(IPAddress Address, int PrefixLength)
{
    /// <summary>The addresses on the link.</summary>
    public IPNetwork Network => IpText.NetworkOf(Address, PrefixLength);

    public override string ToString() => $"{Address}/{PrefixLength}";
}

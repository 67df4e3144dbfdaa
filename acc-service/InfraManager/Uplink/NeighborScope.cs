using System.Net;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.Uplink;

/// <summary>Which of the kernel's neighbours can be on the node network. What others claim in ARP is not trusted.</summary>
/// <param name="uplink">The node's addresses and MAC address.</param>
internal sealed class NeighborScope(UplinkSettings uplink)
{
    private readonly (IPAddress Own, IPNetwork Network)[] _networks = [.. uplink.Addresses.Select(a => (a.Address, a.Network))];

    /// <summary>Whether another host on the node network can have the address.</summary>
    public bool Contains(IPAddress address)
    {
        var found = false;
        foreach (var (own, network) in _networks)
        {
            if (own.Equals(address))
            {
                return false;
            }

            found |= network.Contains(address) && !IsBroadcast(address, network);
        }

        return found;
    }

    /// <summary>Whether another host can have the MAC address. With our own one, packets would come back.</summary>
    public bool IsUsable(MacAddress mac) => !mac.IsZero && !mac.IsMulticast && mac != uplink.Mac;

    private static bool IsBroadcast(IPAddress address, IPNetwork network) =>
        network.PrefixLength < 31 && Ipv4.TryValue(address, out var value)
        && (value & (uint.MaxValue >> network.PrefixLength)) is var host && (host == 0 || host == uint.MaxValue >> network.PrefixLength);
}

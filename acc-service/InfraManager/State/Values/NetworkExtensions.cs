using System.Net;

namespace ACCOffload.InfraManager.State.Values;

internal static class NetworkExtensions
{
    /// <summary>Whether the networks have an address in common, which means that one contains the other.</summary>
    public static bool Overlaps(this IPNetwork network, IPNetwork other) =>
        network.Contains(other.BaseAddress) || other.Contains(network.BaseAddress);
}

using System.Net.Sockets;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.State.Node;

/// <summary>The port to the node network.</summary>
/// <param name="Port">The port's name on the target.</param>
/// <param name="Mac">The node's MAC address on the node network, which neighbours send to. Each node has its own.</param>
/// <param name="Routes">The destinations beyond the uplink.</param>
/// <param name="Mtu">The largest IP packet that the uplink takes, in bytes; 0: no limit below that of the endpoints.</param>
internal sealed record UplinkSettings(string Port, MacAddress Mac, IReadOnlyList<UplinkRoute> Routes, int Mtu = 0)
{
    /// <summary>The default of <see cref="MaxNeighbors"/>.</summary>
    public const int DefaultMaxNeighbors = 1024;

    /// <summary>
    /// The node's addresses on the node network, which the ACC's kernel has and answers for; their prefixes are on the link. Empty: nobody
    /// resolves neighbours.
    /// </summary>
    public IReadOnlyList<UplinkAddress> Addresses { get; init; } = [];

    /// <summary>Whether the node has IPv6 addresses there.</summary>
    public bool UsesIPv6 => Addresses.Any(a => a.Address.AddressFamily == AddressFamily.InterNetworkV6);

    /// <summary>The port between the pipeline and the ACC's kernel; null if there are no <see cref="Addresses"/>.</summary>
    public ExceptionPort? Exception { get; init; }

    /// <summary>How many neighbours are kept that the kernel resolved by itself; the routes' gateways are not counted.</summary>
    public int MaxNeighbors { get; init; } = DefaultMaxNeighbors;
}

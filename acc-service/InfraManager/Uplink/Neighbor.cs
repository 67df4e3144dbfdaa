using System.Net;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.Uplink;

/// <summary>A neighbour on the node network.</summary>
/// <param name="Address">Its address.</param>
/// <param name="Mac">Its MAC address; null if it does not answer.</param>
internal readonly record struct Neighbor(IPAddress Address, MacAddress? Mac)
{
    public override string ToString() => Mac is { } mac ? $"{Address} at {mac}" : $"{Address} unresolved";
}

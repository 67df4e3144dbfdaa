using System.Net;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.State.Peers;

/// <summary>A host or router on the uplink network.</summary>
/// <param name="Address">Its address there.</param>
/// <param name="Id">Its next hop ID in the pipeline.</param>
/// <param name="Mac">Null: it does not answer now, or has not been resolved yet.</param>
internal sealed record Neighbor(IPAddress Address, uint Id, MacAddress? Mac);

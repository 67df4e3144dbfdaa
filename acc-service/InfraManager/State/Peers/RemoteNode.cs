using System.Net;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.State.Peers;

/// <summary>Another node of the cluster, as its Node object describes it.</summary>
/// <param name="Addresses">Its InternalIP addresses, of both families, in the order of <c>status.addresses</c>.</param>
/// <param name="PodRanges">The ranges of its pods (<c>spec.podCIDRs</c>).</param>
internal sealed record RemoteNodeFacts(SequenceOf<IPAddress> Addresses, SequenceOf<IPNetwork> PodRanges)
{
    /// <summary>Its MAC address within the tunnel, if it announces one; null to use the one derived from its name.</summary>
    public MacAddress? TunnelMac { get; init; }

    /// <summary>The address of its tunnel endpoint, if it announces one; its first internal IPv4 address otherwise.</summary>
    public IPAddress? TunnelAddress { get; init; }
}

/// <summary>Another node in the model.</summary>
/// <param name="Name">Its name in Kubernetes.</param>
/// <param name="Id">Its ID; also its next hop ID in the pipeline, if its pods are reached through a tunnel.</param>
/// <param name="Facts">What the cluster says about it.</param>
internal sealed record RemoteNode(string Name, uint Id, RemoteNodeFacts Facts);

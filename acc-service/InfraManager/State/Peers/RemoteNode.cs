using System.Net;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.State.Peers;

/// <summary>Another node of the cluster, as its Node object describes it.</summary>
/// <param name="Addresses">Its internal addresses, of both families, in the cluster's order.</param>
/// <param name="PodRanges">The ranges of its pods (<c>spec.podCIDRs</c>).</param>
internal sealed record RemoteNodeFacts(SequenceOf<IPAddress> Addresses, SequenceOf<IPNetwork> PodRanges)
{
    /// <summary>The ranges of a node that are used; the API server allows one per family.</summary>
    public const int MaxRanges = 8;

    /// <summary>Its MAC address within the tunnel, where it announces one; null: the one that follows from its name.</summary>
    public MacAddress? TunnelMac { get; init; }

    /// <summary>The address that its tunnels end at, where it announces one; null: its first internal address.</summary>
    public IPAddress? TunnelAddress { get; init; }
}

/// <summary>Another node in the model.</summary>
/// <param name="Name">Its name in Kubernetes.</param>
/// <param name="Id">Its next hop ID in the pipeline, if its pods are reached through a tunnel.</param>
/// <param name="Facts">What the cluster says about it.</param>
internal sealed record RemoteNode(string Name, uint Id, RemoteNodeFacts Facts);

using System.Text.Json.Nodes;
using ACCOffload.Integration.Lab;

namespace ACCOffload.Services.Tests.Support;

/// <summary>
/// A node that serves a cluster's services, with pods on it and somebody beyond its uplink: the product's, or one whose kernel does it as kube-proxy
/// would have it. A scenario that drives this says the same of both.
/// </summary>
internal interface IServiceNode : IAsyncDisposable
{
    /// <summary>By number; their programs answer as "1:8080" and "1:9090".</summary>
    Dictionary<int, Pod> Pods { get; }

    /// <summary>The node's own programs.</summary>
    Client Host { get; }

    /// <summary>Where they run.</summary>
    string HostNamespace { get; }

    /// <summary>Beyond the uplink.</summary>
    Client Friend { get; }

    /// <summary>
    /// A namespace of somebody with an address of his own, behind a router beyond the uplink, over a link that takes smaller packets than he and the node
    /// agree on.
    /// </summary>
    Task<string> AddFarAsync(string address, int mtu);

    /// <summary>Makes the cluster hold these services and slices, and waits until the node does.</summary>
    Task BecomeAsync(params JsonObject[] cluster);

    /// <summary>From now on pods leave the cluster with the node's address.</summary>
    Task MasqueradeOutgoingAsync();

    /// <summary>What a failed test's reader wants to know of it.</summary>
    Task<string> TellAsync();
}

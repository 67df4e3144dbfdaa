using System.Text.Json.Nodes;
using ACCOffload.TestKit.Labs;

namespace ACCOffload.Services.Tests.Support;

/// <summary>
/// A node that serves a cluster's services, with pods and an external client beyond its uplink: either the product or a node whose kernel
/// is configured as by kube-proxy. Scenarios run the same against both.
/// </summary>
internal interface IServiceNode : IAsyncDisposable
{
    /// <summary>Pods by number; the servers of pod 1 respond with "1:8080" and "1:9090".</summary>
    Dictionary<int, Pod> Pods { get; }

    /// <summary>A client on the node itself.</summary>
    Client Host { get; }

    /// <summary>The node's namespace.</summary>
    string HostNamespace { get; }

    /// <summary>An external client beyond the uplink.</summary>
    Client ExternalClient { get; }

    /// <summary>
    /// Adds a remote host behind a router beyond the uplink. The MTU of the link between router and host is too small for the MSS that the
    /// host announces. Returns the host's namespace.
    /// </summary>
    Task<string> AddRemoteHostAsync(string address, int mtu);

    /// <summary>Replaces the cluster's services and slices and waits until the node has applied them.</summary>
    Task SetClusterAsync(params JsonObject[] cluster);

    /// <summary>Masquerades traffic from pods that leaves the cluster.</summary>
    Task MasqueradeOutgoingAsync();

    /// <summary>Describes the node's state for a failure message.</summary>
    Task<string> DescribeAsync();
}

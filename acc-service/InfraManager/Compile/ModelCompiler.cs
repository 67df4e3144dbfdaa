using ACCOffload.InfraManager.Model;
using ACCOffload.P4Runtime;

namespace ACCOffload.InfraManager.Compile;

/// <summary>Compiles whatever owns table entries. Not thread-safe.</summary>
internal sealed class ModelCompiler
{
    private readonly EndpointCompiler _endpoints;
    private readonly ServiceCompiler _services;
    private readonly NodeCompiler _node;

    /// <exception cref="P4InfoException">The pipeline lacks a table, field or action; the message names it.</exception>
    public ModelCompiler(Pipeline pipeline, NodeSettings node)
    {
        _endpoints = new EndpointCompiler(pipeline, node);
        _services = new ServiceCompiler(pipeline);
        _node = new NodeCompiler(pipeline, node);
    }

    /// <summary>Bytes, of the node's links.</summary>
    public int Mtu => _endpoints.Mtu;

    /// <summary>Everything that owns entries.</summary>
    public static IEnumerable<OwnerId> OwnersOf(NetworkModel model) =>
        model.Endpoints.Select(e => OwnerId.OfEndpoint(e.Id))
            .Concat(model.Services.All.Values.Select(s => OwnerId.OfService(s.Id)))
            .Append(OwnerId.Node);

    /// <summary>The owner's entries; null when it is no more, or is an endpoint whose port (0) is not known yet. The uplink needs the host's, too.</summary>
    public Entry[]? Compile(OwnerId owner, NetworkModel model, Func<string, uint> portOf) => owner.Kind switch
    {
        OwnerKind.Endpoint => model.Find(owner.Id) is { } e && portOf(e.Spec.PortName) is var port and not 0 ? _endpoints.Compile(e, port, HostPort(model, portOf)) : null,
        OwnerKind.Service => model.Services.Find((uint)owner.Id) is { } s ? _services.Compile(s) : null,
        _ => _node.Compile(model.Snat),
    };

    private static uint HostPort(NetworkModel model, Func<string, uint> portOf) => model.Host is { } host ? portOf(host.Spec.PortName) : 0;
}

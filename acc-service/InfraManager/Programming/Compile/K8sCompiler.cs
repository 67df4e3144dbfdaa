using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Policy;
using ACCOffload.InfraManager.State.Policy.Classes;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.InfraManager.Programming.Compile;

/// <summary>Compiles for our own pipeline.</summary>
internal sealed class K8sCompiler : ModelCompiler
{
    private readonly EndpointCompiler _endpoints;
    private readonly ServiceCompiler _services;
    private readonly NodeCompiler _node;
    private readonly PeerCompiler _peers;
    private readonly EffectiveNode _effective;
    private readonly RowHolds _holds;
    private readonly IdMark _marks;
    private readonly ClockRow _clock;
    private readonly PolicyRowCompiler _policy;

    /// <exception cref="P4InfoException">The pipeline lacks a table, field or action; the message names it.</exception>
    public K8sCompiler(Pipeline pipeline, NodeSettings node)
        : base(pipeline)
    {
        _endpoints = new EndpointCompiler(pipeline, node);
        _services = new ServiceCompiler(pipeline);
        _node = new NodeCompiler(pipeline, node);
        _peers = new PeerCompiler(pipeline);
        _effective = new EffectiveNode(node);
        _holds = new RowHolds(pipeline);
        _marks = new IdMark(pipeline);
        _clock = new ClockRow(pipeline);
        _policy = new PolicyRowCompiler(pipeline);
        Tables = [.. pipeline.Tables.Where(t => !t.IsConst && !node.Profile.Order.IsLearned(t))];
    }

    public override IReadOnlyList<TableSchema> Tables { get; }

    public override bool HasMarks => true;

    /// <summary>Compiles an owner. Some depend on ports other than their own.</summary>
    public override Entry[]? Compile(OwnerId owner, NetworkModel model, Func<string, uint?> portOf)
    {
        var node = _effective.Of(model);
        _endpoints.Node = node;
        _node.Node = node;
        return owner.Kind switch
        {
            OwnerKind.Endpoint => model.Endpoints.Find(owner.Id) is { } e && portOf(e.Spec.PortName) is { } port
                ? CompileEndpoint(e, port, model, portOf, node)
                : null,
            OwnerKind.Service => model.Services.Find((uint)owner.Id) is { } s ? _services.Compile(s) : null,
            OwnerKind.Ids => model.ServiceIds.Last == 0 ? null : [_marks.For(model.ServiceIds.Last)],
            OwnerKind.Clock => model.AffinityTime == 0 ? null : [_clock.For(model.AffinityTime)],
            OwnerKind.RemoteNode => model.RemoteNodes.Find((uint)owner.Id) is { } n ? _peers.Compile(n, model, node) : null,
            OwnerKind.Neighbor => model.Neighbors.Find((uint)owner.Id) is { } n
                ? _peers.Compile(n, node, PortOf(model.Endpoints.Uplink, portOf), PortOf(model.Endpoints.ExceptionPort, portOf))
                : null,
            _ => _node.Compile(model.Snat.Current),
        };
    }

    public override Entry? HoldFor(Entry row) => _holds.For(row);

    public override Entry? CompilePolicy(PolicyRow row, PolicyNumbering numbers) => _policy.For(row, numbers);

    public override void ReadPolicy(Entry entry, PolicyTargetRows rows) => PolicyRowCompiler.Read(entry, rows);

    public override uint MarkOf(Entry row) => _marks.Of(row);

    public override uint TimeOf(Entry row) => _clock.Of(row);

    private static uint? PortOf(Endpoint? endpoint, Func<string, uint?> portOf) => endpoint is null ? null : portOf(endpoint.Spec.PortName);

    private Entry[] CompileEndpoint(Endpoint endpoint, uint port, NetworkModel model, Func<string, uint?> portOf, NodeSettings node)
    {
        if (endpoint.Spec.Kind is not (EndpointKind.Uplink or EndpointKind.Exception))
        {
            return _endpoints.Compile(endpoint, port, sets: model.Policies.Of(endpoint));
        }

        // ARP from the uplink goes to the exception port, for the ACC's kernel; on a node configured without one, to the host.
        var exception = PortOf(model.Endpoints.ExceptionPort, portOf);
        var arp = node.Uplink?.Exception is null ? PortOf(model.Endpoints.Host, portOf) : exception;
        List<Entry> entries = [.. _endpoints.Compile(endpoint, port, arp, PortOf(model.Endpoints.Uplink, portOf))];
        if (endpoint.Spec.Kind == EndpointKind.Uplink)
        {
            _peers.AddRoutes(entries, model, node, port, exception);
        }

        return [.. entries];
    }
}

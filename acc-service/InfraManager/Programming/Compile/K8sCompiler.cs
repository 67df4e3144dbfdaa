using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Node;
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
    private readonly EffectiveNode _effective;
    private readonly RowHolds _holds;
    private readonly IdMark _marks;
    private readonly ClockRow _clock;

    /// <exception cref="P4InfoException">The pipeline lacks a table, field or action; the message names it.</exception>
    public K8sCompiler(Pipeline pipeline, NodeSettings node)
        : base(pipeline)
    {
        _endpoints = new EndpointCompiler(pipeline, node);
        _services = new ServiceCompiler(pipeline);
        _node = new NodeCompiler(pipeline, node);
        _effective = new EffectiveNode(node);
        _holds = new RowHolds(pipeline);
        _marks = new IdMark(pipeline);
        _clock = new ClockRow(pipeline);
        Tables = [.. pipeline.Tables.Where(t => !t.IsConst && !node.Profile.Order.IsLearned(t))];
    }

    public override IReadOnlyList<TableSchema> Tables { get; }

    public override bool HasMarks => true;

    /// <summary>Compiles an owner; the uplink also needs the host's port.</summary>
    public override Entry[]? Compile(OwnerId owner, NetworkModel model, Func<string, uint?> portOf)
    {
        var node = _effective.Of(model);
        _endpoints.Node = node;
        _node.Node = node;
        return owner.Kind switch
        {
            OwnerKind.Endpoint => model.Endpoints.Find(owner.Id) is { } e && portOf(e.Spec.PortName) is { } port
                ? _endpoints.Compile(e, port, HostPort(model, portOf))
                : null,
            OwnerKind.Service => model.Services.Find((uint)owner.Id) is { } s ? _services.Compile(s) : null,
            OwnerKind.Ids => model.ServiceIds.Last == 0 ? null : [_marks.For(model.ServiceIds.Last)],
            OwnerKind.Clock => model.AffinityTime == 0 ? null : [_clock.For(model.AffinityTime)],
            _ => _node.Compile(model.Snat.Current),
        };
    }

    public override Entry? HoldFor(Entry row) => _holds.For(row);

    public override uint MarkOf(Entry row) => _marks.Of(row);

    public override uint TimeOf(Entry row) => _clock.Of(row);

    private static uint? HostPort(NetworkModel model, Func<string, uint?> portOf) =>
        model.Endpoints.Host is { } host ? portOf(host.Spec.PortName) : null;
}

using System.Globalization;
using System.Text.Json;
using ACCOffload.InfraManager.Api;
using ACCOffload.InfraManager.Arp;
using ACCOffload.InfraManager.Cluster;
using ACCOffload.InfraManager.Conditions;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.RuleCounters;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Target;
using ACCOffload.InfraManager.Vports;
using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;
using ACCOffload.Protos.V1;
using Grpc.Core;
using ControlBase = ACCOffload.Protos.V1.Control.ControlBase;
using CounterCell = ACCOffload.Protos.V1.CounterCell;

namespace ACCOffload.InfraManager.Control;

/// <summary>accoffload.v1.Control, the API that ctl calls over the root-only socket.</summary>
internal sealed partial class ControlService(
    IProgrammer core,
    ITargetView target,
    Func<PortReport> ports,
    TraceProxy tracer,
    ClusterWatch? watch,
    ArpProxy? arp,
    IReadOnlyList<OwnVport> ownVports,
    NodeSettings node,
    string targetName,
    ConditionSource conditions,
    RpcGuard guard,
    AgentLog agents,
    RuleCounterWatch counters,
    TimeProvider time) : ControlBase
{
    private const int MinFrameBytes = 14;
    private const int MaxFrameBytes = 9600;

    private readonly long _started = time.GetTimestamp();

    public override Task<GetStatusReply> GetStatus(GetStatusRequest request, ServerCallContext context) => guard.RunAsync(context, () =>
    {
        // The watch first, so that the programmer's status includes everything that the watch reports as submitted.
        var watchStatus = watch is null ? null : ToStatus(watch.GetStatus());
        var status = core.Status;
        var current = conditions.Evaluate();
        var reply = new GetStatusReply
        {
            Version = ProductVersion.Text,
            Node = node.Name,
            Ready = current.Ready,
            CanAttach = current.CanAttach,
            Target = targetName,
            TargetState = StateName(status.TargetState),
            TargetReason = status.TargetReason,
            Pipeline = target.PipelineName,
            Cookie = target.Cookie,
            Endpoints = (uint)status.Endpoints,
            TableEntries = (ulong)status.TableEntries,
            PendingEntries = (ulong)status.PendingEntries,
            QueueLength = (ulong)status.QueueLength,
            WritesSent = (ulong)status.WritesSent,
            UpdatesSent = (ulong)status.UpdatesSent,
            Commits = (ulong)status.Commits,
            Uptime = time.GetElapsedTime(_started).TotalSeconds,
            Reconciled = status.Reconciled,
            ReconcileInserted = (ulong)status.LastReconcile.Inserted,
            ReconcileModified = (ulong)status.LastReconcile.Modified,
            ReconcileDeleted = (ulong)status.LastReconcile.Deleted,
            StoreProblem = status.StoreProblem,
            Gateway = node.Gateway.ToString(),
            GatewayMac = node.GatewayMac.ToString(),
            Services = (uint)status.Services,
            ServicesSource = watch is null ? "agent" : "watch",
            ArpProxy = arp is null ? "" : arp.Problem.Length == 0 ? "answering" : arp.Problem,
            Watch = watchStatus,
            Agent = status.Agent.Name,
            AgentEpoch = status.Agent.Epoch,
            AgentRivals = agents.Rivals,
        };
        reply.Conditions.AddRange(current.All.Select(c => c.ToProto()));
        reply.Notices.AddRange(conditions.Notices);
        var effective = core.Node;
        reply.NodeAddresses.AddRange(effective.NodeAddresses.Select(a => a.ToString()));
        reply.PodRanges.AddRange(effective.PodRanges.Select(r => r.ToString()));
        reply.ServiceRanges.AddRange(effective.VirtualRanges.Select(r => r.ToString()));
        return Task.FromResult(reply);
    });

    public override Task<ListEndpointsReply> ListEndpoints(ListEndpointsRequest request, ServerCallContext context) =>
        guard.RunAsync(context, () =>
        {
            var reply = new ListEndpointsReply();
            reply.Endpoints.AddRange(core.Endpoints.Select(ToInfo));
            reply.Vports.AddRange(ownVports.Select(ToVport));
            reply.FreePorts.AddRange(node.Devices.FreePorts(core.Endpoints.Select(e => e.Endpoint.Spec)));
            return Task.FromResult(reply);
        });

    public override Task<ListTablesReply> ListTables(ListTablesRequest request, ServerCallContext context) =>
        guard.RunAsync(context, async () =>
        {
            var tables = target.Pipeline.Tables;
            if (request.Table.Length > 0)
            {
                tables = [FindTable(request.Table)];
            }

            var reply = new ListTablesReply();
            foreach (var table in tables)
            {
                var info = new TableInfo { Name = table.Alias, Size = (ulong)table.Size };
                try
                {
                    var entries = new List<(string Key, TableRow Row)>();
                    await foreach (var entry in target.ReadTableAsync(table, context.CancellationToken))
                    {
                        entries.Add((SortKey(entry), ToRow(entry)));
                    }
                    // The target returns entries in any order; sorting makes the output stable.
                    info.Rows.AddRange(entries.OrderBy(e => e.Key, StringComparer.Ordinal).Select(e => e.Row));
                }
                catch (P4RuntimeException e)
                {
                    throw new RpcException(new Status(e.Code, $"table {table.Alias} cannot be read from the target: {e.Message}"));
                }
                reply.Tables.Add(info);
            }
            return reply;
        });

    public override Task<ListCountersReply> ListCounters(ListCountersRequest request, ServerCallContext context) =>
        guard.RunAsync(context, async () =>
        {
            var reply = new ListCountersReply();
            if (arp is not null)
            {
                foreach (var verdict in Enum.GetValues<ArpVerdict>())
                {
                    reply.Cells.Add(new CounterCell
                    {
                        Counter = "arp_proxy",
                        Index = (ulong)verdict,
                        Label = JsonNamingPolicy.SnakeCaseLower.ConvertName(verdict.ToString()),
                        Packets = (ulong)arp.Count(verdict),
                    });
                }
            }
            await AddLossesAsync(reply, context.CancellationToken);
            foreach (var counter in target.Pipeline.Counters)
            {
                try
                {
                    foreach (var cell in await target.ReadCountersAsync(counter, context.CancellationToken))
                    {
                        reply.Cells.Add(new CounterCell
                        {
                            Counter = counter.Alias,
                            Index = (ulong)cell.Index,
                            Label = DropReasons.Label(counter.Alias, cell.Index),
                            Packets = (ulong)cell.Packets,
                            Bytes = (ulong)cell.Bytes,
                        });
                    }
                }
                catch (P4RuntimeException e)
                {
                    throw new RpcException(new Status(e.Code, $"counter {counter.Alias} cannot be read from the target: {e.Message}"));
                }
            }
            return reply;
        });

    public override Task<TraceReply> Trace(ControlTraceRequest request, ServerCallContext context) => guard.RunAsync(context, async () =>
    {
        if (request.Packet.Length is < MinFrameBytes or > MaxFrameBytes)
        {
            throw new RpcException(new Status(
                StatusCode.InvalidArgument, $"packet: {request.Packet.Length} bytes, expected {MinFrameBytes} to {MaxFrameBytes}"));
        }

        var port = await FindPortAsync(request.Port, context.CancellationToken);
        var reply = await tracer.TraceAsync(port, request.Packet, context.CancellationToken);
        TraceNames.Apply(reply, target.Pipeline);
        await NameRulesAsync(reply, context.CancellationToken);
        return reply;
    });

    private EndpointInfo ToInfo(EndpointView view)
    {
        var info = ToInfo(view.Endpoint.Spec);
        if (view.Port is { } port)
        {
            info.Port = port;
        }

        info.State = view.Programmed ? "programmed" : "pending";
        info.PortProblem = ports().ProblemOf(view.Endpoint.Spec.PortName) ?? "";
        return info;
    }

    private EndpointInfo ToInfo(EndpointSpec spec)
    {
        var info = new EndpointInfo
        {
            Node = spec.Node,
            Api = ApiText(spec.Origin),
            Network = spec.Key.Network,
            ContainerId = spec.Key.ContainerId,
            InterfaceName = spec.Key.InterfaceName,
            Kind = spec.Kind.ToString().ToLowerInvariant(),
            PortName = spec.PortName,
            Mac = spec.Mac.ToString(),
            PodNamespace = spec.PodNamespace,
            PodName = spec.PodName,
            Mtu = (uint)(spec.Mtu == 0 ? node.Mtu : spec.Mtu),
            Device = DeviceKinds.NameOf(spec.Device),
            Vsi = node.Devices.PortRule == PortRule.Mac ? VportNumbers.VsiOf(spec.Mac).ToString(CultureInfo.InvariantCulture) : "",
        };
        info.Addresses.AddRange(spec.Addresses.Select(a => a.ToString()));
        return info;
    }

    private static string StateName(TargetState state) => state switch
    {
        TargetState.Disconnected => "away",
        TargetState.Backup => "backup",
        TargetState.Reconciling => "reconciling",
        TargetState.UnknownOutcome => "unknown-outcome",
        TargetState.Ready => "primary",
        _ => state.ToString(),
    };

    private static string SortKey(Entry entry) =>
        string.Join(' ', entry.EnumerateMatch().Select(m => Convert.ToHexString(m.Value.Span) + Convert.ToHexString(m.MaskOrHigh.Span)
            + m.PrefixLength.ToString("x4", CultureInfo.InvariantCulture)));

    private static TableRow ToRow(Entry entry)
    {
        var row = new TableRow { Action = entry.Action.Alias, Priority = entry.Priority };
        foreach (var match in entry.EnumerateMatch())
        {
            row.Match.Add(new NamedValue { Name = match.Field.Name, Value = match.ToValueString() });
        }

        foreach (var param in entry.EnumerateParams())
        {
            row.Params.Add(new NamedValue { Name = param.Param.Name, Value = param.ToValueString() });
        }

        return row;
    }

    private TableSchema FindTable(string name)
    {
        try
        {
            return target.Pipeline.Table(name);
        }
        catch (P4InfoException e)
        {
            throw new RpcException(new Status(StatusCode.NotFound, e.Message));
        }
    }

    /// <summary>Resolves a port number, the name of an endpoint's port, or the name of any other port of the target.</summary>
    private async Task<uint> FindPortAsync(string text, CancellationToken cancellationToken)
    {
        if (uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            return number;
        }

        if (text.Length == 0)
        {
            throw new RpcException(new Status(StatusCode.InvalidArgument, "port: empty"));
        }

        if (core.Endpoints.FirstOrDefault(e => e.Endpoint.Spec.PortName == text)?.Port is { } known)
        {
            return known;
        }

        try
        {
            return await target.FindPortAsync(text, cancellationToken)
                ?? throw new RpcException(new Status(
                    StatusCode.NotFound, $"port: the target has no port named {ConfigurationError.OneLine(text)}"));
        }
        catch (P4RuntimeException e)
        {
            throw new RpcException(new Status(e.Code, $"port: {e.Message}"));
        }
    }

    private VportInfo ToVport(OwnVport vport)
    {
        var byMac = node.Devices.PortRule == PortRule.Mac && vport.Mac is not null;
        var info = new VportInfo
        {
            Name = vport.Name,
            Mac = vport.Mac?.ToString() ?? "",
            Use = vport.Use,
            Vsi = byMac ? VportNumbers.VsiOf(vport.Mac!.Value).ToString(CultureInfo.InvariantCulture) : "",
        };
        uint? port = vport.Use == OwnVport.Arp && node.ArpPort is { } arpPort ? arpPort
            : byMac ? VportNumbers.PortOf(vport.Mac!.Value)
            : null;
        if (port is { } number)
        {
            info.Port = number;
        }

        return info;
    }

    private static string ApiText(ApiOrigin origin) => origin switch
    {
        ApiOrigin.Offload => "accoffload.v1",
        ApiOrigin.InfraAgent => "infra.InfraAgent",
        _ => "configuration",
    };
}

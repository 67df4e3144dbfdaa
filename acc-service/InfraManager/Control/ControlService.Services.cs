using System.Net.Sockets;
using ACCOffload.InfraManager.Cluster;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.State;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;
using ACCOffload.P4Runtime.Session;
using ACCOffload.Protos.V1;
using Grpc.Core;

namespace ACCOffload.InfraManager.Control;

internal sealed partial class ControlService
{
    public override Task<ListServicesReply> ListServices(ListServicesRequest request, ServerCallContext context) => guard.RunAsync(context, async () =>
    {
        var reply = new ListServicesReply();
        var views = request.Service.Length == 0 ? core.Services.Values : [Named(request.Service.Split('/', 2))];
        var counters = await ReadCountersAsync(reply, context.CancellationToken);
        reply.Services.AddRange(views.OrderBy(v => v.State.Key).Select(v => ToInfo(v, counters)));
        return reply;
    });

    public override Task<AddServiceReply> AddService(AddServiceRequest request, ServerCallContext context) => guard.RunAsync(context, async () =>
    {
        RequireAgent();
        if (!IpText.TryParse(request.Address, out var address))
        {
            throw IntentException.Invalid("address", request.Address.Length == 0 ? "empty" : $"{ConfigurationError.OneLine(request.Address)} is no IP address");
        }

        var backends = request.Backends.Select((b, i) => IpText.TryParse(b, out var parsed) ? parsed : throw IntentException.Invalid($"backends[{i}]", $"{ConfigurationError.OneLine(b)} is no IP address")).ToList();
        var ports = request.Ports.Select((p, i) => new SimpleService.Port(
            ProtocolOf($"ports[{i}].protocol", p.Protocol),
            PortOf($"ports[{i}].port", p.Port),
            p.NodePort == 0 ? (ushort)0 : PortOf($"ports[{i}].node_port", p.NodePort),
            [.. backends.Select(b => new BackendKey(b, PortOf($"ports[{i}].target_port", p.TargetPort == 0 ? p.Port : p.TargetPort)))]));
        if (request.Affinity > ServiceRules.MaxAffinitySeconds)
        {
            throw IntentException.Invalid("affinity", $"{request.Affinity} s is outside 0..{ServiceRules.MaxAffinitySeconds}");
        }

        var key = new ServiceKey(request.Namespace.Length == 0 ? "default" : request.Namespace, request.Name);
        var spec = SimpleService.Of(key, address, ports, (int)request.Affinity, node);
        var claim = new ServiceClaim("address", a => $"backends[{backends.IndexOf(a)}]");
        await core.SubmitAsync(new ServiceIntent(key, spec) { Claim = claim }, context.CancellationToken);
        return new AddServiceReply();
    });

    public override Task<RemoveServiceReply> RemoveService(RemoveServiceRequest request, ServerCallContext context) => guard.RunAsync(context, async () =>
    {
        RequireAgent();
        var key = new ServiceKey(request.Namespace.Length == 0 ? "default" : request.Namespace, request.Name);
        var was = core.Services.TryGetValue(key, out var view) && view.State.Spec.Ports.Count > 0;
        await core.SubmitAsync(new ServiceIntent(key, null), context.CancellationToken);
        return new RemoveServiceReply { Removed = was };
    });

    private static ServiceInfo ToInfo(ServiceView view, Counters counters)
    {
        var (spec, state) = (view.State.Spec, view.State);
        var info = new ServiceInfo
        {
            Namespace = state.Key.Namespace,
            Name = state.Key.Name,
            State = view.StateName,
        };
        info.Problems.AddRange(spec.Problems.Select(ToInfo));
        for (var i = 0; i < state.Ports.Count; i++)
        {
            var (port, wanted) = (state.Ports[i], i < spec.Ports.Count ? spec.Ports[i] : null);
            var affinity = wanted?.AffinitySeconds ?? 0;
            var told = new ServicePortInfo
            {
                Name = wanted?.Name ?? "",
                Protocol = ServiceText.Protocol(port.Protocol),
                Port = port.Port,
                Affinity = (uint)affinity,
                AffinityKept = (uint)AffinityClass.SecondsOf(affinity),
            };
            for (var j = 0; j < port.Frontends.Count; j++)
            {
                told.Frontends.Add(ToInfo(port.Frontends[j], port.Frontends[j].Retired ? null : wanted?.Frontends[j], counters));
            }

            var (listed, cluster, local) = (wanted?.Backends.ToDictionary(b => b.Key) ?? [], port.Cluster.Buckets.CountBy(b => b).ToDictionary(), port.Local.Buckets.CountBy(b => b).ToDictionary());
            foreach (var backend in port.Backends)
            {
                var shown = ToInfo(backend, listed.GetValueOrDefault(backend.Key), counters);
                shown.Buckets = (uint)cluster.GetValueOrDefault(backend.Id);
                shown.LocalBuckets = (uint)local.GetValueOrDefault(backend.Id);
                told.Backends.Add(shown);
            }
            var held = port.Backends.Select(b => b.Key).ToHashSet();
            told.Backends.AddRange(wanted?.Backends.Where(b => !held.Contains(b.Key)).Select(ToInfo) ?? []);
            info.Ports.Add(told);
        }
        return info;
    }

    private static FrontendInfo ToInfo(FrontendState state, Frontend? wanted, Counters counters)
    {
        var info = new FrontendInfo
        {
            Address = state.Key.Address.ToString(),
            Port = state.Key.Port,
            Kind = wanted?.Kind.ToString() ?? "",
            Inside = wanted is null ? "leave" : Name(wanted.Inside),
            Outside = wanted is null ? "leave" : Name(wanted.Outside),
            Retired = state.Retired,
            Closed = wanted is { IsClosed: true },
            Packets = state.Taken ? 0 : counters.Of(state.Key),
        };
        info.SourceRanges.AddRange(wanted?.SourceRanges.Select(r => r.ToString()) ?? []);
        return info;
    }

    private static BackendInfo ToInfo(BackendState state, Backend? listed, Counters counters)
    {
        var info = listed is not null
            ? ToInfo(listed)
            : new BackendInfo { Address = state.Key.Address.ToString(), Port = state.Key.Port, Place = Name(state.Place), Condition = "gone" };
        info.Draining = state.Draining;
        info.Id = state.Id;
        info.Packets = counters.Of(state.Id);
        return info;
    }

    private static BackendInfo ToInfo(Backend backend) => new()
    {
        Address = backend.Address.ToString(),
        Port = backend.Port,
        Place = Name(backend.Place),
        Condition = backend.Terminating ? "terminating" : backend.Ready ? "ready" : "not-ready",
    };

    private static Protos.V1.ServiceProblem ToInfo(ACCOffload.InfraManager.State.ServiceProblem problem) => new() { Subject = problem.Subject, Reason = problem.Reason };

    private static string Name<T>(T value)
        where T : struct, Enum => value.ToString().ToLowerInvariant();

    private static WatchStatus ToStatus(ClusterWatchStatus status)
    {
        var told = new WatchStatus
        {
            Server = status.Server,
            Synced = status.Services.Synced,
            Pending = (ulong)status.Services.Pending,
            HandedOver = (ulong)status.Services.HandedOver,
            Waiting = status.Services.Waiting,
        };
        told.Refused.AddRange(status.Services.Refused.Select(ToInfo));
        told.Kinds.AddRange(status.Kinds.Select(k => new WatchedKind
        {
            Kind = k.Kind,
            Phase = Name(k.Phase),
            Synced = k.Synced,
            Objects = (ulong)k.Objects,
            ResourceVersion = k.ResourceVersion,
            LastList = k.LastList?.ToUnixTimeSeconds() ?? 0,
            LastEvent = k.LastEvent?.ToUnixTimeSeconds() ?? 0,
            Events = (ulong)k.Events,
            Relists = (ulong)k.Relists,
            Errors = (ulong)k.Errors,
            LastError = k.LastError,
            LastErrorTime = k.LastErrorTime?.ToUnixTimeSeconds() ?? 0,
        }));
        return told;
    }

    private ServiceView Named(string[] name) =>
        core.Services.GetValueOrDefault(name.Length == 2 ? new ServiceKey(name[0], name[1]) : new ServiceKey("default", name[0]))
        ?? throw new RpcException(new Status(StatusCode.NotFound, $"there is no service {ConfigurationError.OneLine(string.Join('/', name))}"));

    private void RequireAgent()
    {
        if (watch is not null)
        {
            throw new RpcException(new Status(StatusCode.PermissionDenied, "services are watched (Services:Source is watch), so they can't be set by hand; set it to agent for a node without a cluster"));
        }
    }

    private static ProtocolType ProtocolOf(string field, string text) => text.ToUpperInvariant() switch
    {
        "TCP" => ProtocolType.Tcp,
        "UDP" => ProtocolType.Udp,
        "SCTP" => ServiceText.Sctp,
        _ => throw IntentException.Invalid(field, $"{ConfigurationError.OneLine(text)} is neither TCP, UDP nor SCTP"),
    };

    private static ushort PortOf(string field, uint port) =>
        port is > 0 and <= ushort.MaxValue ? (ushort)port : throw IntentException.Invalid(field, $"{port} is outside 1..65535");

    private async Task<Counters> ReadCountersAsync(ListServicesReply reply, CancellationToken cancellationToken)
    {
        var counters = new Counters(target.Pipeline);
        if (!counters.Exist)
        {
            reply.CountersProblem = $"{target.PipelineName} does not count them";
            return counters;
        }

        try
        {
            counters.Take(await target.ReadRowCountersAsync(target.Pipeline.Table("services"), cancellationToken));
            counters.Take(await target.ReadRowCountersAsync(target.Pipeline.Table("backends"), cancellationToken));
        }
        catch (P4RuntimeException e)
        {
            reply.CountersProblem = e.Message;
        }
        return counters;
    }

    /// <summary>Packets by what was met.</summary>
    private sealed class Counters(Pipeline pipeline)
    {
        private readonly Dictionary<EntryKey, long> _packets = [];
        private readonly EntryBuilder? _service = Builder(pipeline, "services");
        private readonly EntryBuilder? _backend = Builder(pipeline, "backends");

        public bool Exist => _service is not null && _backend is not null;

        public void Take(IEnumerable<RowCounter> counters)
        {
            foreach (var counter in counters)
            {
                _packets[counter.Key] = counter.Packets;
            }
        }

        public ulong Of(uint backend) => _backend is null ? 0 : Of(_backend.Exact("backend_id", backend));

        /// <summary>From inside and outside.</summary>
        public ulong Of(FrontendKey key)
        {
            ulong sum = 0;
            if (_service is null)
            {
                return sum;
            }

            foreach (var outside in new[] { 0u, 1u })
            {
                sum += Of(_service.Exact("outside", outside).Exact("ip", key.Address.GetAddressBytes()).Exact("port", key.Port).Exact("protocol", (ulong)key.Protocol));
            }

            return sum;
        }

        private static EntryBuilder? Builder(Pipeline pipeline, string table) => pipeline.Tables.FirstOrDefault(t => t.Alias == table)?.NewEntry();

        private ulong Of(EntryBuilder key) => (ulong)_packets.GetValueOrDefault(key.BuildKey().Key);
    }
}

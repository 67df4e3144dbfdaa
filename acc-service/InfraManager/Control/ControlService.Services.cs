using System.Net.Sockets;
using ACCOffload.InfraManager.Cluster;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;
using ACCOffload.P4Runtime.Session;
using ACCOffload.Protos.V1;
using Grpc.Core;

namespace ACCOffload.InfraManager.Control;

/// <content>Services and the state of the cluster watch.</content>
internal sealed partial class ControlService
{
    public override Task<ListServicesReply> ListServices(ListServicesRequest request, ServerCallContext context) =>
        guard.RunAsync(context, async () =>
        {
            var reply = new ListServicesReply();
            var views = request.Service.Length == 0 ? core.Services.Values : [FindService(request.Service.Split('/', 2))];
            var counters = await ReadCountersAsync(reply, context.CancellationToken);
            reply.Services.AddRange(views.OrderBy(v => v.State.Key).Select(v => ToInfo(v, counters)));
            return reply;
        });

    public override Task<AddServiceReply> AddService(AddServiceRequest request, ServerCallContext context) =>
        guard.RunAsync(context, async () =>
        {
            RequireAgentSource();
            if (!IpText.TryParse(request.Address, out var address))
            {
                throw IntentException.Invalid(
                    "address", request.Address.Length == 0
                        ? "empty"
                        : $"{ConfigurationError.OneLine(request.Address)} is not an IP address");
            }

            var backends = request.Backends.Select((b, i) => IpText.TryParse(b, out var backend)
                ? backend
                : throw IntentException.Invalid($"backends[{i}]", $"{ConfigurationError.OneLine(b)} is not an IP address")).ToList();
            var ports = request.Ports.Select((p, i) => new SimpleService.Port(
                ProtocolOf($"ports[{i}].protocol", p.Protocol),
                PortOf($"ports[{i}].port", p.Port),
                p.NodePort == 0 ? (ushort)0 : PortOf($"ports[{i}].node_port", p.NodePort),
                [.. backends.Select(
                    b => new BackendKey(b, PortOf($"ports[{i}].target_port", p.TargetPort == 0 ? p.Port : p.TargetPort)))]));
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

    public override Task<RemoveServiceReply> RemoveService(RemoveServiceRequest request, ServerCallContext context) =>
        guard.RunAsync(context, async () =>
        {
            RequireAgentSource();
            var key = new ServiceKey(request.Namespace.Length == 0 ? "default" : request.Namespace, request.Name);
            var exists = core.Services.TryGetValue(key, out var view) && view.State.Spec.Ports.Count > 0;
            await core.SubmitAsync(new ServiceIntent(key, null), context.CancellationToken);
            return new RemoveServiceReply { Removed = exists };
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
            var portInfo = new ServicePortInfo
            {
                Name = wanted?.Name ?? "",
                Protocol = Transport.NameOf(port.Protocol),
                Port = port.Port,
                Affinity = (uint)affinity,
                AffinityKept = (uint)affinity,
            };
            for (var j = 0; j < port.Frontends.Count; j++)
            {
                var frontend = port.Frontends[j];
                portInfo.Frontends.Add(ToInfo(frontend, frontend.Retired ? null : wanted?.Frontends[j], counters));
            }

            var listed = wanted?.Backends.ToDictionary(b => b.Key) ?? [];
            var clusterBuckets = port.Cluster.Buckets.CountBy(b => b).ToDictionary();
            var localBuckets = port.Local.Buckets.CountBy(b => b).ToDictionary();
            foreach (var backend in port.Backends)
            {
                var backendInfo = ToInfo(backend, listed.GetValueOrDefault(backend.Key), counters);
                backendInfo.Buckets = (uint)clusterBuckets.GetValueOrDefault(backend.Id);
                backendInfo.LocalBuckets = (uint)localBuckets.GetValueOrDefault(backend.Id);
                portInfo.Backends.Add(backendInfo);
            }
            var planned = port.Backends.Select(b => b.Key).ToHashSet();
            portInfo.Backends.AddRange(wanted?.Backends.Where(b => !planned.Contains(b.Key)).Select(ToInfo) ?? []);
            info.Ports.Add(portInfo);
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
            : new BackendInfo
            {
                Address = state.Key.Address.ToString(),
                Port = state.Key.Port,
                Place = Name(state.Place),
                Condition = "gone",
            };
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

    private static Protos.V1.ServiceProblem ToInfo(ACCOffload.InfraManager.State.Services.ServiceProblem problem) =>
        new() { Subject = problem.Subject, Reason = problem.Reason };

    private static string Name<T>(T value)
        where T : struct, Enum => value.ToString().ToLowerInvariant();

    private static WatchStatus ToStatus(ClusterWatchStatus status)
    {
        var reply = new WatchStatus
        {
            Server = status.Server,
            Synced = status.Services.Synced,
            Pending = (ulong)status.Services.Pending,
            HandedOver = (ulong)status.Services.HandedOver,
            Waiting = status.Services.Waiting,
        };
        reply.Refused.AddRange(status.Services.Refused.Select(ToInfo));
        reply.Kinds.AddRange(status.Kinds.Select(k => new WatchedKind
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
        return reply;
    }

    private ServiceView FindService(string[] name) =>
        core.Services.GetValueOrDefault(name.Length == 2 ? new ServiceKey(name[0], name[1]) : new ServiceKey("default", name[0]))
        ?? throw new RpcException(new Status(StatusCode.NotFound, $"no service {ConfigurationError.OneLine(string.Join('/', name))}"));

    private void RequireAgentSource()
    {
        if (watch is not null)
        {
            throw new RpcException(new Status(
                StatusCode.PermissionDenied,
                "services come from the cluster and cannot be set by hand; set Services:Source to agent on a node without a cluster"));
        }
    }

    private static ProtocolType ProtocolOf(string field, string text) => Transport.Find(text)
        ?? throw IntentException.Invalid(field, $"{ConfigurationError.OneLine(text)} is not TCP, UDP or SCTP");

    private static ushort PortOf(string field, uint port) =>
        port is > 0 and <= ushort.MaxValue ? (ushort)port : throw IntentException.Invalid(field, $"{port} is outside 1..65535");

    private async Task<Counters> ReadCountersAsync(ListServicesReply reply, CancellationToken cancellationToken)
    {
        var counters = new Counters(target.Pipeline);
        if (!counters.Exist)
        {
            reply.CountersProblem = $"the pipeline {target.PipelineName} does not count them";
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

    /// <summary>Packet counters of frontends and backends.</summary>
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

        /// <summary>The packets from inside and outside.</summary>
        public ulong Of(FrontendKey key)
        {
            ulong sum = 0;
            if (_service is null)
            {
                return sum;
            }

            foreach (var outside in new[] { 0u, 1u })
            {
                sum += Of(_service.Exact("outside", outside).Exact("ip", Ipv4.Value(key.Address))
                    .Exact("port", key.Port).Exact("protocol", (ulong)key.Protocol));
            }

            return sum;
        }

        private static EntryBuilder? Builder(Pipeline pipeline, string table) =>
            pipeline.Tables.FirstOrDefault(t => t.Alias == table)?.NewEntry();

        private ulong Of(EntryBuilder key) => (ulong)_packets.GetValueOrDefault(key.BuildKey().Key);
    }
}

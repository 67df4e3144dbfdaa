using System.Net;
using System.Net.Sockets;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.InfraManager.Programming.Compile;

/// <summary>
/// Compiles a service into table entries (docs/programming.md, "Services in the pipeline"): a pure function of the service. Services that
/// share a real address and port compile to the same row of <c>endpoints</c>; services that have the same frontend one after the other
/// compile to the same row of <c>frontends</c>.
/// </summary>
internal sealed class ServiceCompiler
{
    // FIRST_SUCCESSOR in p4src.
    private const ulong FirstSuccessor = 0x10000;

    private readonly EntryBuilder _endpoints;
    private readonly EntryBuilder _backends;
    private readonly EntryBuilder _buckets;
    private readonly EntryBuilder _sourceRanges;
    private readonly EntryBuilder _frontends;
    private readonly EntryBuilder _services;

    /// <exception cref="P4InfoException">The pipeline lacks a table, field or action; the message names it.</exception>
    public ServiceCompiler(Pipeline pipeline)
    {
        _endpoints = pipeline.Table("endpoints").NewEntry();
        _backends = pipeline.Table("backends").NewEntry();
        _buckets = pipeline.Table("buckets").NewEntry();
        _sourceRanges = pipeline.Table("source_ranges").NewEntry();
        _frontends = pipeline.Table("frontends").NewEntry();
        _services = pipeline.Table("services").NewEntry();
        ProbeNames();
    }

    /// <summary>The entries, in no particular order; each key once. Not thread-safe.</summary>
    public Entry[] Compile(ServiceState service)
    {
        var entries = new List<Entry>();
        var endpoints = new HashSet<IncarnationKey>();
        var frontends = new HashSet<uint>();
        for (var i = 0; i < service.Ports.Count; i++)
        {
            var port = service.Ports[i];
            foreach (var backend in port.Backends)
            {
                if (endpoints.Add(new(backend.Key, port.Protocol, backend.Pod)))
                {
                    entries.Add(Endpoint(port, backend));
                }

                entries.Add(Backend(backend));
            }

            Buckets(entries, port.Cluster);
            Buckets(entries, port.Local);
            var spec = i < service.Spec.Ports.Count ? service.Spec.Ports[i] : null;
            for (var j = 0; j < port.Frontends.Count; j++)
            {
                var frontend = port.Frontends[j];
                if (frontends.Add(frontend.Id))
                {
                    entries.Add(Address(frontend));
                }

                if (frontend.Retired)
                {
                    Retired(entries, frontend);
                }
                else
                {
                    Live(entries, service, port, spec!, frontend, spec!.Frontends[j]);
                }
            }
        }

        foreach (var list in service.Ranges)
        {
            foreach (var range in list.Ranges.Distinct())
            {
                entries.Add(SourceRange(list, range));
            }
        }

        return [.. entries];
    }

    private Entry Endpoint(PortState port, BackendState backend) => _endpoints
        .Exact("ip", Ipv4.Value(backend.Key.Address)).Exact("port", backend.Key.Port)
        .Exact("protocol", (ulong)port.Protocol)
        .Action("endpoint").Param("id", backend.EndpointId).Build();

    private Entry Backend(BackendState backend) => _backends
        .Exact("backend_id", backend.Id).Action(backend.Draining ? "drain_backend" : "to_backend")
        .Param("ip", Ipv4.Value(backend.Key.Address)).Param("port", backend.Key.Port)
        .Param("endpoint_id", backend.EndpointId).Param("on_host", backend.Place == BackendPlace.Host ? 1u : 0u).Build();

    private Entry Address(FrontendState frontend) => _frontends
        .Exact("frontend_id", frontend.Id).Action("frontend_address")
        .Param("ip", Ipv4.Value(frontend.Key.Address)).Param("port", frontend.Key.Port).Build();

    private Entry SourceRange(RangesState list, IPNetwork range) => _sourceRanges
        .Exact("ranges_id", list.Id).Lpm("src_ip", Ipv4.Value(range.BaseAddress), range.PrefixLength)
        .Action("in_range").Build();

    private void Buckets(List<Entry> entries, SetState set)
    {
        Buckets(entries, set.Id, 0, set.Buckets);
        Buckets(entries, set.Id, FirstSuccessor, set.Succession);
        Buckets(entries, set.Id, 2 * FirstSuccessor, set.Substitutes);
    }

    /// <param name="entries">Receives the rows.</param>
    /// <param name="set">The set's ID.</param>
    /// <param name="first">The number of the first bucket.</param>
    /// <param name="backends">The backend IDs; 0 for none.</param>
    private void Buckets(List<Entry> entries, uint set, ulong first, SequenceOf<uint> backends)
    {
        for (var i = 0; i < backends.Count; i++)
        {
            if (backends[i] != 0)
            {
                entries.Add(_buckets.Exact("bucket", first + (ulong)i).Exact("set_id", set).Action("bucket_backend")
                    .Param("backend_id", backends[i]).Build());
            }
        }
    }

    /// <summary>
    /// Adds the rows of a retired frontend: its flows continue, and other packets are treated as if it did not exist. If another frontend
    /// has the address, that one's row serves the flows.
    /// </summary>
    private void Retired(List<Entry> entries, FrontendState frontend)
    {
        if (frontend.Taken)
        {
            return;
        }

        foreach (var outside in new[] { false, true })
        {
            entries.Add(Service(frontend.Key, outside).Action("leave").Param("frontend_id", frontend.Id)
                .Param("pool", MasqueradePools.None).Build());
        }
    }

    private void Live(List<Entry> entries, ServiceState service, PortState port, ServicePortSpec spec, FrontendState frontend,
        Frontend wanted)
    {
        var ranges = wanted.SourceRanges.Count == 0 && !wanted.IsClosed ? 0 : service.Ranges.First(r => r.Ranges == wanted.SourceRanges).Id;
        foreach (var outside in new[] { false, true })
        {
            var target = outside ? wanted.Outside : wanted.Inside;
            var pool = (outside ? wanted.MasqueradeOutside : wanted.MasqueradeInside) ? MasqueradePools.Services : MasqueradePools.None;
            var set = target == FlowTarget.Local ? port.Local : port.Cluster;
            var row = Service(frontend.Key, outside);
            if (target is FlowTarget.Cluster or FlowTarget.Local && set.Buckets.Count > 0)
            {
                row.Action("balance").Param("frontend_id", frontend.Id).Param("set_id", set.Id).Param("buckets", (ulong)set.Buckets.Count)
                    .Param("succession", (ulong)set.Succession.Count)
                    .Param("pool", pool).Param("affinity", (ulong)AffinityClass.Of(spec.AffinitySeconds))
                    .Param("max_age", AffinityClass.MaxAge(spec.AffinitySeconds)).Param("ranges_id", ranges);
            }
            else
            {
                row.Action(target is FlowTarget.Drop or FlowTarget.Local ? "drop_new" : "refuse").Param("frontend_id", frontend.Id)
                    .Param("pool", pool);
            }

            entries.Add(row.Build());
        }
    }

    private EntryBuilder Service(FrontendKey key, bool outside) => _services
        .Exact("outside", outside ? 1u : 0u).Exact("ip", Ipv4.Value(key.Address)).Exact("port", key.Port)
        .Exact("protocol", (ulong)key.Protocol);

    // A pipeline without one of the names must be refused at start, not at the first service.
    private void ProbeNames()
    {
        var address = new IPAddress([192, 0, 2, 1]);
        SequenceOf<IPNetwork> ranges = [new IPNetwork(new IPAddress([192, 0, 2, 0]), 24)];
        Frontend Of(ushort port, FlowTarget target) => new(address, port, FrontendKind.ClusterIP, target, target, true, true, ranges);
        FrontendState Is(ushort port) => new(new FrontendKey(address, ProtocolType.Tcp, port), port, false);
        var spec = new ServiceSpec(new ServiceKey("probe", "probe"),
            [new ServicePortSpec("", ProtocolType.Tcp, 1, 0,
                [Of(1, FlowTarget.Cluster), Of(2, FlowTarget.Refuse), Of(3, FlowTarget.Drop)], [])]);
        Compile(new ServiceState(1, spec, [new PortState(ProtocolType.Tcp, 1, [Is(1), Is(2), Is(3)], new SetState(1, [1]), SetState.None,
            [new(new(address, 1), 1, 1, 0, BackendPlace.Host, false), new(new(address, 2), 2, 2, 0, BackendPlace.Host, true)])],
            [new RangesState(1, ranges)]));
    }
}

using System.Net;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ACCOffload.InfraManager.State.Tables;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Services;

/// <summary>The services by key, with indexes over their contents, so that a change visits only the services that it affects.</summary>
internal sealed class ServiceTable(StateJournal journal) : StateTable<ServiceKey, ServiceState>(journal)
{
    private readonly Dictionary<uint, ServiceState> _byId = [];
    private readonly Dictionary<FrontendKey, uint> _holders = [];
    private readonly Dictionary<FrontendKey, IdSet> _former = [];
    private readonly Dictionary<IPAddress, IdSet> _byAddress = [];
    private readonly Dictionary<IncarnationKey, Incarnation> _incarnations = [];
    private readonly SortedDictionary<int, int> _affinities = [];

    public override string Name => "services";

    public override IReadOnlyList<string> KeyColumns => ["namespace", "name"];

    public override IReadOnlyList<string> ValueColumns => ["state"];

    /// <summary>The draining backends on other nodes and on this node's host network.</summary>
    public DrainIndex Drains { get; } = new();

    /// <summary>The shortest session affinity of a service, in seconds; 0 if none has any.</summary>
    public int ShortestAffinity => _affinities.Count == 0 ? 0 : _affinities.First().Key;

    public ServiceState? Find(uint id) => _byId.GetValueOrDefault(id);

    /// <summary>The service that has the frontend, or was the last to have it while its flows continue.</summary>
    public ServiceState? HolderOf(FrontendKey key) => _holders.TryGetValue(key, out var id) ? _byId[id] : null;

    /// <summary>The service whose new flows the frontend takes; null if there is none, even if earlier flows continue.</summary>
    public ServiceState? LiveHolderOf(FrontendKey key) =>
        HolderOf(key) is { } holder && holder.Ports.Any(p => p.Frontends.Any(f => !f.Retired && f.Key == key)) ? holder : null;

    /// <summary>The newest service that gave up the frontend while flows through it continue.</summary>
    public ServiceState? FormerHolderOf(FrontendKey key) => _former.TryGetValue(key, out var ids) ? _byId[ids.Order().Last()] : null;

    /// <summary>The services that have a backend with this address, oldest first.</summary>
    public IReadOnlyList<ServiceState> WithBackend(IPAddress address) =>
        _byAddress.TryGetValue(address, out var ids) ? [.. ids.Order().Select(id => _byId[id])] : [];

    /// <summary>The ID of an incarnation that some service has as a backend; 0 when none has.</summary>
    public uint EndpointIdOf(IncarnationKey key) => _incarnations.TryGetValue(key, out var found) ? found.Id : 0;

    /// <summary>The ID of a frontend that some service has, or had while its flows continue; 0 when there is none.</summary>
    public uint FrontendIdOf(FrontendKey key) =>
        (HolderOf(key) ?? FormerHolderOf(key))?.Ports.SelectMany(p => p.Frontends).First(f => f.Key == key).Id ?? 0;

    public override string? ConflictOf(ServiceState value)
    {
        if (_byId.TryGetValue(value.Id, out var other) && other.Key != value.Key)
        {
            return $"services {value.Key} and {other.Key} have the same id {value.Id}";
        }

        foreach (var port in value.Ports)
        {
            if (port.Frontends.FirstOrDefault(f => !f.Taken && HolderOf(f.Key) is { } h && h.Key != value.Key) is { } frontend)
            {
                return $"frontend {frontend.Key} belongs to both {HolderOf(frontend.Key)!.Key} and {value.Key}";
            }

            if (port.Backends.FirstOrDefault(b => EndpointIdOf(new(b.Key, port.Protocol, b.Pod)) is var n && n != 0
                && n != b.EndpointId) is { } backend)
            {
                return $"backend {backend.Key} of {value.Key} has two endpoint IDs";
            }
        }

        return null;
    }

    protected override OwnerId? OwnerOf(ServiceKey key, ServiceState? value) => value is null ? null : OwnerId.OfService(value.Id);

    protected override void OnReplaced(ServiceKey key, ServiceState? old, ServiceState? value)
    {
        if (old is not null)
        {
            _byId.Remove(old.Id);
            Unindex(old);
        }

        if (value is not null)
        {
            _byId.Add(value.Id, value);
            Index(value);
        }
    }

    protected override void WriteKey(RowWriter row, ServiceKey key) => row.Add(key.Namespace).Add(key.Name);

    protected override void WriteValue(RowWriter row, ServiceState value) => row.Add(ServiceStateJson.Write(value));

    protected override (ServiceKey Key, ServiceState Value) ReadRow(RowReader row)
    {
        var key = new ServiceKey(row.Text(), row.Text());
        var state = ServiceStateJson.Read(row.Text());
        return state.Key == key ? (key, state) : throw new FormatException($"service {key} is stored under the name {state.Key}");
    }

    private void Index(ServiceState state)
    {
        Drains.Add(state);
        foreach (var port in state.Spec.Ports.Where(p => p.AffinitySeconds > 0))
        {
            _affinities[port.AffinitySeconds] = _affinities.GetValueOrDefault(port.AffinitySeconds) + 1;
        }

        foreach (var port in state.Ports)
        {
            foreach (var frontend in port.Frontends)
            {
                if (!frontend.Taken)
                {
                    _holders.Add(frontend.Key, state.Id);
                }
                else
                {
                    CollectionsMarshal.GetValueRefOrAddDefault(_former, frontend.Key, out _).Add(state.Id);
                }
            }

            foreach (var backend in port.Backends)
            {
                CollectionsMarshal.GetValueRefOrAddDefault(_byAddress, backend.Key.Address, out _).Add(state.Id);
                ref var incarnation = ref CollectionsMarshal.GetValueRefOrAddDefault(_incarnations,
                    new(backend.Key, port.Protocol, backend.Pod), out _);
                incarnation = new Incarnation(backend.EndpointId, incarnation.Count + 1);
            }
        }
    }

    private void Unindex(ServiceState state)
    {
        Drains.Remove(state);
        foreach (var port in state.Spec.Ports.Where(p => p.AffinitySeconds > 0))
        {
            if (--_affinities[port.AffinitySeconds] == 0)
            {
                _affinities.Remove(port.AffinitySeconds);
            }
        }

        foreach (var port in state.Ports)
        {
            foreach (var frontend in port.Frontends)
            {
                if (!frontend.Taken)
                {
                    _holders.Remove(frontend.Key);
                }
                else
                {
                    Remove(_former, frontend.Key, state.Id);
                }
            }

            foreach (var backend in port.Backends)
            {
                Remove(_byAddress, backend.Key.Address, state.Id);
                var key = new IncarnationKey(backend.Key, port.Protocol, backend.Pod);
                if (!_incarnations.TryGetValue(key, out var incarnation))
                {
                    continue;
                }

                if (incarnation.Count == 1)
                {
                    _incarnations.Remove(key);
                }
                else
                {
                    _incarnations[key] = incarnation with { Count = incarnation.Count - 1 };
                }
            }
        }
    }

    /// <summary>
    /// A service may be indexed for several reasons, such as two backends with one address. The first removal removes its ID.
    /// </summary>
    private static void Remove<TKey>(Dictionary<TKey, IdSet> index, TKey key, uint id)
        where TKey : notnull
    {
        ref var ids = ref CollectionsMarshal.GetValueRefOrNullRef(index, key);
        if (!Unsafe.IsNullRef(ref ids) && ids.Remove(id))
        {
            index.Remove(key);
        }
    }

    private readonly record struct Incarnation(uint Id, int Count);

    /// <summary>A set of service IDs, nearly always just one: a hash set for each of 100,000 addresses would dominate memory use.</summary>
    private struct IdSet
    {
        private uint _one;
        private HashSet<uint>? _more;

        public void Add(uint id)
        {
            if (_one == 0 || _one == id)
            {
                _one = id;
            }
            else
            {
                (_more ??= []).Add(id);
            }
        }

        /// <summary>Removes an ID. Returns whether the set is empty now.</summary>
        public bool Remove(uint id)
        {
            if (_one == id)
            {
                _one = _more?.FirstOrDefault() ?? 0;
                _more?.Remove(_one);
            }
            else
            {
                _more?.Remove(id);
            }

            return _one == 0;
        }

        public readonly IEnumerable<uint> Order() => (_more ?? []).Append(_one).Order();
    }
}

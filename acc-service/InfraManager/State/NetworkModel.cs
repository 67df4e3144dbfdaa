using System.Net;
using System.Runtime.InteropServices;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.State;

/// <summary>
/// What should be: endpoints, each agent's epoch and how far its Syncs went, which attachments were removed, which ports are still to be removed. Indexed so that no MAC,
/// port or address has two holders. Not thread-safe: the programmer alone touches it. Every change is recorded and can be undone.
/// </summary>
internal sealed class NetworkModel
{
    /// <summary>Bounds what a host can make us remember by detaching what never was.</summary>
    public const int MaxTombstones = 8192;

    private readonly Dictionary<long, Endpoint> _byId = [];
    private readonly Dictionary<EndpointAddress, Endpoint> _byAddress = [];
    private readonly HolderIndex<MacAddress> _byMac = new();
    private readonly HolderIndex<string> _byPort = new();
    private readonly Dictionary<IPAddress, Endpoint> _byIp = [];
    private readonly HolderIndex<uint> _byNumber = new();
    private readonly Dictionary<(string Node, ApiOrigin Origin), int> _counts = [];
    private readonly Dictionary<string, AgentState> _agents = [];
    private readonly Dictionary<EndpointAddress, Tombstone> _tombstones = [];
    private readonly Queue<EndpointAddress> _tombstoneOrder = new();
    private readonly HashSet<string> _portRemovals = [];
    private readonly ServiceTable _services = new();
    private readonly List<(StateKey Key, object? Old)> _journal = [];
    private long _lastId;

    public int Count => _byId.Count;

    public IReadOnlyCollection<Endpoint> Endpoints => _byId.Values;

    public IReadOnlyCollection<string> PortRemovals => _portRemovals;

    public IReadOnlyDictionary<string, AgentState> Agents => _agents;

    public IReadOnlyDictionary<EndpointAddress, Tombstone> Tombstones => _tombstones;

    public ServiceTable Services => _services;

    public SnatState Snat { get; private set; } = SnatState.None;

    /// <summary>The last number given out; durable, so that none is given out again.</summary>
    public uint LastServiceNumber { get; private set; }

    /// <summary>
    /// The last number that was given while the target's own mark of them was known, if others were given since; null if none were. Durable as well.
    /// </summary>
    public uint? TrustedServiceNumber { get; private set; }

    /// <summary>The host's endpoint, of which there is one.</summary>
    public Endpoint? Host { get; private set; }

    /// <summary>The configured uplink's endpoint.</summary>
    public Endpoint? Uplink { get; private set; }

    /// <summary>How many changes are recorded since the last <see cref="Forget"/>.</summary>
    public int Mark => _journal.Count;

    /// <summary>Adds what the configuration says is there, which is not stored and which no request changes.</summary>
    /// <exception cref="UplinkTakenException">An attachment holds the port or the MAC address.</exception>
    public void Configure(NodeSettings node)
    {
        if (node.Uplink is not { } uplink)
        {
            return;
        }

        var endpoint = new Endpoint(
            NextId(),
            new EndpointSpec
            {
                Node = node.Name,
                Origin = ApiOrigin.Configuration,
                Key = new AttachmentKey("uplink", node.Name, uplink.Port),
                Kind = EndpointKind.Uplink,
                PortName = uplink.Port,
                Mac = uplink.Mac,
                Addresses = [],
            },
            false);
        if (ConflictOf(endpoint) is { } conflict)
        {
            throw new UplinkTakenException(conflict);
        }

        Put(endpoint);
        Forget();
    }

    public long NextId() => ++_lastId;

    /// <summary>A number that was never given out since the target has its pipeline.</summary>
    /// <exception cref="IntentException">RESOURCE_EXHAUSTED: all 2^32 - 1 are.</exception>
    public uint NextServiceNumber()
    {
        if (LastServiceNumber == uint.MaxValue)
        {
            throw new IntentException(IntentError.ResourceExhausted, "all 2^32 numbers of frontends and backends were given, and the target's learned flows may hold any; restart the target, which forgets them, and numbers begin anew")
            {
                IsLasting = true,
            };
        }

        SetLastServiceNumber(LastServiceNumber + 1);
        return LastServiceNumber;
    }

    public void SetLastServiceNumber(uint number)
    {
        // Once between two changes is enough: only that it changed counts.
        if (_journal.Count == 0 || _journal[^1].Key.Kind != StateKind.LastServiceNumber)
        {
            Record(new(StateKind.LastServiceNumber, ""), LastServiceNumber);
        }

        LastServiceNumber = number;
    }

    public void SetTrustedServiceNumber(uint? number)
    {
        if (number == TrustedServiceNumber)
        {
            return;
        }

        Record(new(StateKind.TrustedServiceNumber, ""), TrustedServiceNumber);
        TrustedServiceNumber = number;
    }

    /// <summary>Sets a service, or removes it. The caller has made sure that no frontend of it is another's.</summary>
    /// <exception cref="InvalidOperationException">Something it holds is another's; nothing was changed.</exception>
    public void SetService(ServiceKey key, ServiceState? state)
    {
        var old = _services.Find(key);
        if (Equals(old, state))
        {
            return;
        }

        if (state is not null && _services.ConflictOf(state) is { } conflict)
        {
            throw new InvalidOperationException(conflict);
        }

        Record(new(StateKind.Service, key), old);
        _services.Set(key, state);
    }

    public void SetSnat(SnatState snat)
    {
        if (snat == Snat)
        {
            return;
        }

        Record(new(StateKind.Snat, ""), Snat);
        Snat = snat;
    }

    /// <summary>The id of the pod on this node that has the address; 0 if none has.</summary>
    public long PodAt(IPAddress address) => HolderOf(address) is { Spec.Kind: EndpointKind.Pod } pod ? pod.Id : 0;

    public Endpoint? Find(long id) => _byId.GetValueOrDefault(id);

    public Endpoint? Find(EndpointAddress address) => _byAddress.GetValueOrDefault(address);

    public IReadOnlyCollection<Endpoint> HoldersOf(MacAddress mac) => _byMac.All(mac);

    /// <inheritdoc cref="HolderIndex{TKey}.Other"/>
    public Endpoint? OtherHolderOf(MacAddress mac, long self, long over) => _byMac.Other(mac, self, over);

    /// <inheritdoc cref="HolderIndex{TKey}.Other"/>
    public Endpoint? OtherHolderOfPort(string port, long self, long over) => _byPort.Other(port, self, over);

    /// <summary>An endpoint, none of the two, whose MAC stands for the same port by <see cref="PortRule.Mac"/>; null if there is none.</summary>
    public Endpoint? OtherHolderOfNumber(uint number, long self, long over) => _byNumber.Other(number, self, over);

    /// <summary>How many endpoints a node has through an API.</summary>
    public int CountOf(string node, ApiOrigin origin) => _counts.GetValueOrDefault((node, origin));

    /// <summary>Any holder of the port.</summary>
    public Endpoint? HolderOfPort(string port) => _byPort.Any(port);

    public IReadOnlyCollection<Endpoint> HoldersOfPort(string port) => _byPort.All(port);

    /// <summary>How many ports attachments have, besides those that these alone hold.</summary>
    public int CountPorts(params ReadOnlySpan<Endpoint?> except)
    {
        var count = _byPort.Count - (Uplink is null ? 0 : 1);
        foreach (var endpoint in except)
        {
            count -= endpoint is not null && HoldersOfPort(endpoint.Spec.PortName).Count == 1 ? 1 : 0;
        }

        return count;
    }

    public Endpoint? HolderOf(IPAddress address) => _byIp.GetValueOrDefault(address);

    /// <summary>What is known of a node's agent; <see cref="AgentState.None"/> if none ever began.</summary>
    public AgentState Agent(string node) => _agents.GetValueOrDefault(node, AgentState.None);

    public Tombstone? FindTombstone(EndpointAddress address) => _tombstones.GetValueOrDefault(address);

    public bool IsPortRemovalPending(string port) => _portRemovals.Contains(port);

    /// <summary>Adds the endpoint, or replaces the one of the same id. The caller has made sure that nothing it holds is another's.</summary>
    /// <exception cref="InvalidOperationException">Something it holds is another's; nothing was changed.</exception>
    public void Put(Endpoint endpoint)
    {
        var old = Find(endpoint.Id);
        if (ConflictOf(endpoint) is { } conflict)
        {
            throw new InvalidOperationException(conflict);
        }

        Record(new(StateKind.Endpoint, endpoint.Id), old);
        SetEndpoint(endpoint.Id, endpoint);
    }

    public void Remove(Endpoint endpoint)
    {
        Record(new(StateKind.Endpoint, endpoint.Id), Find(endpoint.Id));
        SetEndpoint(endpoint.Id, null);
    }

    public void SetAgent(string node, AgentState state)
    {
        if (state == Agent(node))
        {
            return;
        }

        Record(new(StateKind.Agent, node), _agents.GetValueOrDefault(node));
        _agents[node] = state;
    }

    public void SetTombstone(Tombstone tombstone)
    {
        Record(new(StateKind.Tombstone, tombstone.Address), FindTombstone(tombstone.Address));
        if (_tombstones.TryAdd(tombstone.Address, tombstone))
        {
            _tombstoneOrder.Enqueue(tombstone.Address);
        }
        else
        {
            _tombstones[tombstone.Address] = tombstone;
        }

        while (_tombstones.Count > MaxTombstones && _tombstoneOrder.TryDequeue(out var oldest))
        {
            RemoveTombstone(oldest);
        }
    }

    public void RemoveTombstone(EndpointAddress address)
    {
        if (FindTombstone(address) is not { } old)
        {
            return;
        }

        Record(new(StateKind.Tombstone, address), old);
        _tombstones.Remove(address);
    }

    public void SetPortRemoval(string port, bool pending)
    {
        var was = _portRemovals.Contains(port);
        if (was == pending)
        {
            return;
        }

        Record(new(StateKind.PortRemoval, port), was);
        SetPortRemovalUnrecorded(port, pending);
    }

    /// <summary>What was changed since the last <see cref="Forget"/>, without repeats.</summary>
    public HashSet<StateKey> ChangedKeys() => [.. _journal.Select(j => j.Key)];

    /// <summary>The changes recorded after <paramref name="mark"/>, oldest first, with the value before.</summary>
    public IEnumerable<(StateKey Key, object? Old)> ChangesSince(int mark) => _journal.Skip(mark);

    /// <summary>The state's present value: an endpoint, an agent, a tombstone, true; or null when it is not there.</summary>
    public object? ValueOf(StateKey key) => key.Kind switch
    {
        StateKind.Endpoint => Find((long)key.Name),
        StateKind.Agent => _agents.GetValueOrDefault((string)key.Name),
        StateKind.Tombstone => FindTombstone((EndpointAddress)key.Name),
        StateKind.Service => _services.Find((ServiceKey)key.Name),
        StateKind.LastServiceNumber => LastServiceNumber,
        StateKind.TrustedServiceNumber => TrustedServiceNumber,
        StateKind.Snat => Snat,
        _ => _portRemovals.Contains((string)key.Name) ? true : null,
    };

    /// <summary>Undoes everything recorded after <paramref name="mark"/>, newest first.</summary>
    public void Undo(int mark)
    {
        for (var i = _journal.Count - 1; i >= mark; i--)
        {
            Restore(_journal[i].Key, _journal[i].Old);
        }

        _journal.RemoveRange(mark, _journal.Count - mark);
    }

    /// <summary>Drops the records: what was changed stays.</summary>
    public void Forget()
    {
        _journal.Clear();

        // Undone or replaced tombstones leave their place in the order behind.
        if (_tombstoneOrder.Count > 2 * MaxTombstones)
        {
            EndpointAddress[] live = [.. _tombstoneOrder.Distinct().Where(_tombstones.ContainsKey)];
            _tombstoneOrder.Clear();
            foreach (var address in live)
            {
                _tombstoneOrder.Enqueue(address);
            }
        }
    }

    /// <summary>Why the endpoint can't be held beside the others, or null.</summary>
    public string? ConflictOf(Endpoint endpoint)
    {
        if (Other(Find(endpoint.Address), endpoint) is { } sameKey)
        {
            return $"attachment {endpoint.Key} is endpoint {sameKey.Id}";
        }

        if (OtherHolderOf(endpoint.Spec.Mac, endpoint.Id, endpoint.Id) is { } sameMac && !sameMac.Spec.SharesMacWith(endpoint.Spec))
        {
            return $"MAC {endpoint.Spec.Mac} is held by {sameMac.Key}";
        }

        if (OtherHolderOfPort(endpoint.Spec.PortName, endpoint.Id, endpoint.Id) is { } samePort && !samePort.Spec.SharesPortWith(endpoint.Spec))
        {
            return $"port {endpoint.Spec.PortName} is held by {samePort.Key}";
        }

        foreach (var ip in endpoint.Spec.Addresses)
        {
            if (Other(HolderOf(ip), endpoint) is { } sameIp)
            {
                return $"address {ip} is held by {sameIp.Key}";
            }
        }

        if (endpoint.Spec.Kind == EndpointKind.Host && Other(Host, endpoint) is { } host)
        {
            return $"the host's interface is {host.Key}";
        }

        return null;
    }

    private static Endpoint? Other(Endpoint? holder, Endpoint self) => holder is null || holder.Id == self.Id ? null : holder;

    private void Record(StateKey key, object? old) => _journal.Add((key, old));

    private void Restore(StateKey key, object? old)
    {
        switch (key.Kind)
        {
            case StateKind.Endpoint:
                SetEndpoint((long)key.Name, (Endpoint?)old);
                break;
            case StateKind.Agent when old is AgentState agent:
                _agents[(string)key.Name] = agent;
                break;
            case StateKind.Agent:
                _agents.Remove((string)key.Name);
                break;
            case StateKind.Tombstone when old is Tombstone tombstone:
                if (_tombstones.TryAdd(tombstone.Address, tombstone))
                {
                    _tombstoneOrder.Enqueue(tombstone.Address);
                }
                else
                {
                    _tombstones[tombstone.Address] = tombstone;
                }

                break;
            case StateKind.Tombstone:
                _tombstones.Remove((EndpointAddress)key.Name);
                break;
            case StateKind.PortRemoval:
                SetPortRemovalUnrecorded((string)key.Name, (bool)old!);
                break;
            case StateKind.Service:
                _services.Set((ServiceKey)key.Name, (ServiceState?)old);
                break;
            case StateKind.Snat:
                Snat = (SnatState)old!;
                break;
            case StateKind.TrustedServiceNumber:
            case StateKind.LastServiceNumber:
                // What is undone may have been on the target for a moment, where flows learned the number.
                break;
        }
    }

    private void SetPortRemovalUnrecorded(string port, bool pending)
    {
        if (pending)
        {
            _portRemovals.Add(port);
        }
        else
        {
            _portRemovals.Remove(port);
        }
    }

    private void SetEndpoint(long id, Endpoint? endpoint)
    {
        if (_byId.Remove(id, out var old))
        {
            _byAddress.Remove(old.Address);
            _byMac.Remove(old.Spec.Mac, id);
            _byPort.Remove(old.Spec.PortName, id);
            _byNumber.Remove(DeviceRules.PortOf(old.Spec.Mac), id);
            CollectionsMarshal.GetValueRefOrNullRef(_counts, (old.Spec.Node, old.Spec.Origin))--;
            foreach (var ip in old.Spec.Addresses)
            {
                _byIp.Remove(ip);
            }

            if (Host?.Id == id)
            {
                Host = null;
            }

            if (Uplink?.Id == id)
            {
                Uplink = null;
            }
        }

        if (endpoint is null)
        {
            return;
        }

        _lastId = Math.Max(_lastId, id);
        _byId.Add(id, endpoint);
        _byAddress.Add(endpoint.Address, endpoint);
        _byMac.Add(endpoint.Spec.Mac, endpoint);
        _byPort.Add(endpoint.Spec.PortName, endpoint);
        _byNumber.Add(DeviceRules.PortOf(endpoint.Spec.Mac), endpoint);
        CollectionsMarshal.GetValueRefOrAddDefault(_counts, (endpoint.Spec.Node, endpoint.Spec.Origin), out _)++;
        foreach (var ip in endpoint.Spec.Addresses)
        {
            _byIp.Add(ip, endpoint);
        }

        if (endpoint.Spec.Kind == EndpointKind.Host)
        {
            Host = endpoint;
        }

        if (endpoint.Spec.Kind == EndpointKind.Uplink)
        {
            Uplink = endpoint;
        }
    }
}

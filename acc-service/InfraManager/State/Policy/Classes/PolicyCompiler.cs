using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Policy.Classes;

/// <summary>
/// Keeps the policy tables equal to the <see cref="PolicyModel"/>: each change of the model returns the changes of rows, whose number
/// follows the change. The steps must be written in order. After each one, every point (endpoint, direction, address, protocol, port) is
/// judged either as before the change or as after it:
/// <list type="number">
/// <item>rows of new port and peer classes in every set, as those that they are split from; then the ports and addresses themselves;</item>
/// <item>rows of the new sets, under new numbers; then the bindings; then the rows of sets without bindings are removed;</item>
/// <item>ports and addresses of classes that no longer differ; then the rows of these classes are removed.</item>
/// </list>
/// Not thread-safe. A change that is refused leaves everything as it was.
/// </summary>
internal sealed class PolicyCompiler
{
    private readonly AtomTable _atoms = new();
    private readonly NamedPortIndex _namedPorts = new();
    private readonly Dictionary<string, long> _versions = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Endpoint, PolicyDirection Direction), PolicySet?> _bindings = [];
    private readonly HashSet<string> _unresolved = new(StringComparer.Ordinal);
    private readonly PeerClassifier _peers;
    private readonly PortClassifier _ports;
    private readonly SetTable _sets;
    private readonly PolicyFlattener _flattener;
    private long _version;

    /// <param name="numbers">The first numbers of what it compiles; null for the smallest.</param>
    /// <param name="countedRows">Up to how many rows of <c>verdicts</c> there are rows only to count all packets; 0: none.</param>
    public PolicyCompiler(PolicyNumbers? numbers = null, int countedRows = 0)
    {
        numbers ??= new PolicyNumbers();
        _peers = new PeerClassifier(Model, _atoms, numbers.PeerClasses);
        _ports = new PortClassifier(numbers.PortClasses);
        _sets = new SetTable(_atoms, _peers, _ports, numbers.Groups, countedRows);
        _flattener = new PolicyFlattener(Model, _atoms, _namedPorts, Rules);
    }

    /// <summary>To read; change it by the methods of this class.</summary>
    public PolicyModel Model { get; } = new();

    /// <summary>The names of the rules whose numbers the rows carry.</summary>
    public RuleNames Rules { get; } = new();

    /// <summary>The sets in force, for what operators ask.</summary>
    public IReadOnlyCollection<PolicySet> Sets => _sets.Sets;

    /// <summary>The groups that sets share.</summary>
    public IReadOnlyCollection<PolicyGroup> Groups => _sets.Groups;

    public IReadOnlyCollection<PeerClass> PeerClasses => _peers.Classes;

    public IReadOnlyCollection<PortClass> PortClasses => _ports.Classes;

    /// <summary>
    /// The endpoints whose policies refer to something that does not exist: they keep the tables that they had, and a new one is closed.
    /// </summary>
    public IReadOnlyCollection<string> Unresolved => _unresolved;

    /// <summary>All rows but the bindings, in no order.</summary>
    public IEnumerable<PolicyRow> Rows => _sets.Rows.Concat(_peers.Rows).Concat(_ports.Rows);

    /// <summary>The bindings of all endpoints.</summary>
    public IEnumerable<BindingRow> Bindings =>
        _bindings.Select(b => new BindingRow(b.Key.Endpoint, b.Key.Direction, b.Value?.Number ?? 0));

    /// <summary>How many sets, groups and classes there are.</summary>
    public int NumberCount => Sets.Count + Groups.Count + PeerClasses.Count + PortClasses.Count;

    /// <summary>The set that an endpoint is bound to; 0 for none.</summary>
    public uint SetOf(string endpoint, PolicyDirection direction) => _bindings.GetValueOrDefault((endpoint, direction))?.Number ?? 0;

    /// <summary>How the rows judge a packet of an endpoint; null if it is bound to no set in this direction.</summary>
    public RowPoint? Judge(string endpoint, PolicyDirection direction, PolicyPacket packet)
    {
        if (_bindings.GetValueOrDefault((endpoint, direction)) is not { } set)
        {
            return null;
        }

        var (peerClass, portClass) = (_peers.ClassOf(packet.Peer), _ports.ClassOf(packet.Protocol, packet.Port));
        var group = set.Groups.GetValueOrDefault(peerClass) ?? set.Own;
        return new RowPoint(set.Number, peerClass, portClass, group.Number, group.Function.At(portClass));
    }

    /// <summary>The facts that hold for the addresses of a peer class.</summary>
    public IEnumerable<AtomKey> FactsOf(PeerClass peerClass) =>
        _atoms.All.Where(a => peerClass.Atoms.Contains(a.Id)).Select(a => a.Key);

    /// <summary>Sets or, with null, removes a policy.</summary>
    /// <exception cref="IntentException">INVALID_ARGUMENT: names the field.</exception>
    public IReadOnlyList<RowChange> SetPolicy(string id, PolicyRules? policy)
    {
        if (policy is not null)
        {
            PolicyChecks.Check(policy);
        }

        if (Model.Policies.GetValueOrDefault(id) == policy)
        {
            return [];
        }

        Model.Policies.SetOrRemove(id, policy);
        _versions[id] = ++_version;
        return Balanced(Rebind(Model.Endpoints.Where(e => Uses(e.Value, id)).Select(e => e.Key)));
    }

    /// <summary>Sets endpoints and, with null, removes them, as one change.</summary>
    /// <exception cref="IntentException">INVALID_ARGUMENT: names the field.</exception>
    public IReadOnlyList<RowChange> SetEndpoints(IReadOnlyCollection<(string Id, EndpointPolicy? Policy)> endpoints)
    {
        foreach (var (_, policy) in endpoints)
        {
            if (policy is not null)
            {
                PolicyChecks.Check(policy);
            }
        }

        foreach (var (id, policy) in endpoints)
        {
            Model.Endpoints.SetOrRemove(id, policy);
        }

        return Balanced(Rebind(endpoints.Select(e => e.Id)));
    }

    /// <inheritdoc cref="SetEndpoints"/>
    public IReadOnlyList<RowChange> SetEndpoint(string id, EndpointPolicy? policy) => SetEndpoints([(id, policy)]);

    /// <summary>
    /// Sets what is known about an address. With null, nothing is: in a pod range it matches no allow by set, and every deny.
    /// </summary>
    public IReadOnlyList<RowChange> SetPeer(PolicyAddress address, PeerMembership? membership)
    {
        var former = Model.Peers.TryFind(address, out var group) ? group.Membership : null;
        if (former == membership)
        {
            return [];
        }

        // A port that a named-port set did not have becomes a test of the sets in use first, while the address is not a member yet.
        var changes = new List<RowChange>();
        changes.AddRange(Rebind(EndpointsOf(_namedPorts.Add(membership?.NamedPorts ?? []))));
        if (membership is null)
        {
            Model.Peers.Remove(address);
        }
        else
        {
            Model.Peers.Put(address, membership);
        }

        Apply(_peers.Move(address), changes);
        changes.AddRange(Rebind(EndpointsOf(_namedPorts.Remove(former?.NamedPorts ?? []))));
        changes.AddRange(Rebind(Model.Endpoints.Where(e => e.Value.Addresses.Contains(address) && AsksOwn(e.Value)).Select(e => e.Key)));
        return Balanced(changes);
    }

    /// <summary>
    /// Declares a set with the blocks among its members; with null, the set is gone. Its other members are set by address, and each is a
    /// change of its own. Where a rule asks for the endpoint's own sets, too, a block that holds the endpoint and its peers changes them
    /// one after the other.
    /// </summary>
    public IReadOnlyList<RowChange> SetNets(string set, IReadOnlyCollection<PolicyNet>? nets)
    {
        var isNew = !Model.Sets.ContainsKey(set);
        if (nets is null)
        {
            Model.Sets.Remove(set);
            return Balanced(Rebind(Model.Endpoints.Where(e => UsesSet(e.Value, set)).Select(e => e.Key)));
        }

        Model.Sets[set] = [.. nets.Distinct().Order()];
        var changes = new List<RowChange>();
        if (_atoms.Find(AtomKey.OfSet(set)) is { } atom)
        {
            Apply(_peers.MoveNets(atom), changes);
        }

        changes.AddRange(Rebind(
            isNew ? _unresolved.ToList() : Model.Endpoints.Where(e => AsksOwn(e.Value) && UsesSet(e.Value, set)).Select(e => e.Key)));
        return Balanced(changes);
    }

    /// <summary>Sets the cluster's pod ranges.</summary>
    public IReadOnlyList<RowChange> SetPodRanges(IReadOnlyCollection<PolicyNet> ranges)
    {
        Model.PodRanges = [.. ranges.Distinct().Order()];
        var changes = new List<RowChange>();
        if (_atoms.Find(AtomKey.Unknown) is { } atom)
        {
            Apply(_peers.MoveNets(atom), changes);
        }

        return Balanced(changes);
    }

    private List<RowChange> Balanced(List<RowChange> changes)
    {
        _sets.Balance(changes);
        return changes;
    }

    private static bool Uses(EndpointPolicy endpoint, string policy) =>
        endpoint.Ingress.Tiers.Concat(endpoint.Egress.Tiers).Any(t => t.Policies.Contains(policy));

    private IEnumerable<PolicyRule> RulesOf(EndpointPolicy endpoint, PolicyDirection direction) =>
        endpoint.Of(direction).Tiers.SelectMany(t => t.Policies)
            .SelectMany(id => Model.Policies.TryGetValue(id, out var policy) ? policy.Of(direction) : []);

    private bool UsesSet(EndpointPolicy endpoint, string set) => RulesOf(endpoint, PolicyDirection.Ingress)
        .Concat(RulesOf(endpoint, PolicyDirection.Egress)).Any(r => r.Match.Sets.Contains(set));

    private bool AsksOwn(EndpointPolicy endpoint) =>
        RulesOf(endpoint, PolicyDirection.Ingress).Any(r => OwnFacts.AreAsked(r.Match, PolicyDirection.Ingress))
        || RulesOf(endpoint, PolicyDirection.Egress).Any(r => OwnFacts.AreAsked(r.Match, PolicyDirection.Egress));

    private List<string> EndpointsOf(HashSet<string> namedSets) => namedSets.Count == 0
        ? []
        : [.. Model.Endpoints
            .Where(e => RulesOf(e.Value, PolicyDirection.Egress).Any(r => AsksNames(r.Match).Any(namedSets.Contains)))
            .Select(e => e.Key)];

    private static IEnumerable<string> AsksNames(RuleMatch match) => match.NamedPorts.Concat(match.NotNamedPorts);

    private List<RowChange> Rebind(IEnumerable<string> endpoints)
    {
        var changes = new List<RowChange>();
        var wanted = endpoints.Distinct().SelectMany(id => Wanted(id).Select(w => (Id: id, w.Direction, w.Key, w.Policy))).ToList();
        var compiled = new Dictionary<SetKey, FlatPolicy>();
        foreach (var (_, direction, key, policy) in wanted)
        {
            if (key is not null && policy is not null && !compiled.ContainsKey(key) && _sets.Find(key) is null)
            {
                compiled.Add(key,
                    key.Closed.Length > 0 ? _flattener.Closed(key.Closed) : _flattener.Flatten(policy, direction));
            }
        }

        Apply(_ports.Add(compiled.Values.SelectMany(p => p.PortTests)), changes);
        var created = _atoms.TakeCreated();
        if (created.Count > 0)
        {
            Apply(_peers.Add(created), changes);
        }

        foreach (var (key, policy) in compiled)
        {
            _sets.Add(key, policy, changes);
        }

        Bind(wanted.Select(w => ((w.Id, w.Direction), w.Key, w.Policy is null)), changes);
        return changes;
    }

    private void Bind(IEnumerable<((string Id, PolicyDirection Direction) Binding, SetKey? Key, bool IsGone)> wanted,
        List<RowChange> changes)
    {
        var left = new HashSet<PolicySet>();
        foreach (var (binding, key, isGone) in wanted)
        {
            var isBound = _bindings.TryGetValue(binding, out var former);
            var next = key is null ? null : _sets.Find(key);
            if (isGone)
            {
                if (isBound)
                {
                    _bindings.Remove(binding);
                    changes.Add(RowChange.Delete(new BindingRow(binding.Id, binding.Direction, former?.Number ?? 0)));
                }
            }
            else
            {
                _bindings[binding] = next;
                var row = new BindingRow(binding.Id, binding.Direction, next?.Number ?? 0);
                if (!isBound)
                {
                    changes.Add(RowChange.Insert(row));
                }
                else if (former != next)
                {
                    changes.Add(RowChange.Modify(row));
                }

                if (next is not null)
                {
                    next.Uses++;
                }
            }

            if (former is not null && --former.Uses == 0)
            {
                left.Add(former);
            }
        }

        var gone = left.Where(s => s.Uses == 0).ToList();
        gone.ForEach(s => _sets.Remove(s, changes));
        // What no set asks for any more.
        var atoms = gone.SelectMany(s => s.Policy.Atoms.Values).ToList().FindAll(_atoms.Release);
        if (atoms.Count > 0)
        {
            Apply(_peers.Remove(atoms), changes);
        }

        Apply(_ports.Remove(gone.SelectMany(s => s.Policy.PortTests)), changes);
    }

    /// <summary>The sets that an endpoint should be bound to; nothing if it keeps those that it has. A null policy: it is gone.</summary>
    private IEnumerable<(PolicyDirection Direction, SetKey? Key, EndpointPolicy? Policy)> Wanted(string id)
    {
        var policy = Model.Endpoints.GetValueOrDefault(id);
        var missing = policy is { IsActive: true } ? Model.MissingReference(policy) : null;
        _unresolved.Remove(id);
        if (missing is not null)
        {
            _unresolved.Add(id);
        }

        foreach (var direction in (PolicyDirection[])[PolicyDirection.Ingress, PolicyDirection.Egress])
        {
            if (missing is not null && _bindings.ContainsKey((id, direction)))
            {
                continue;
            }

            yield return (direction, policy is null ? null : KeyOf(policy, direction, missing), policy);
        }
    }

    private SetKey? KeyOf(EndpointPolicy endpoint, PolicyDirection direction, string? missing)
    {
        if (!endpoint.IsActive || missing is not null)
        {
            var reason = endpoint.IsActive ? EndpointPolicy.UnresolvedRule : EndpointPolicy.InactiveRule;
            return new SetKey(direction, [], false, reason, [], []);
        }

        var policy = endpoint.Of(direction);
        if (policy.IsUnrestricted)
        {
            return null;
        }

        var matches = RulesOf(endpoint, direction).Select(r => r.Match).ToList();
        return new SetKey(
            direction,
            [.. policy.Tiers.Where(t => t.Policies.Count > 0)
                .Select(t => new TierKey(t.Name, t.Default, [.. t.Policies.Select(p => new PolicyVersion(p, _versions[p]))]))],
            policy.IsOpen,
            "",
            [.. matches.Where(m => OwnFacts.AreAsked(m, direction)).Select(m => OwnFacts.Of(m, direction, Model, endpoint))],
            direction == PolicyDirection.Ingress ? [] : [.. matches.SelectMany(AsksNames).SelectMany(_namedPorts.Of).Distinct().Order()]);
    }

    private void Apply(PeerMoves moves, List<RowChange> changes)
    {
        moves.Created.ForEach(c => _sets.Add(c, changes));
        changes.AddRange(moves.Points);
        moves.Dead.ForEach(c => _sets.Remove(c, changes));
    }

    private void Apply(PortMoves moves, List<RowChange> changes)
    {
        _sets.Split(moves.Created, changes);
        changes.AddRange(moves.Points);
        _sets.Merge(moves.Dead, changes);
    }
}

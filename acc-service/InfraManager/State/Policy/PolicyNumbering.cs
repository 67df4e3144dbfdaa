using ACCOffload.InfraManager.State.Policy.Classes;
using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.State.Policy;

/// <summary>
/// The numbers of sets, groups and classes on the target. A compiler numbers anew after every restart, but the target keeps its rows: where
/// these say the same, their numbers are adopted, so that a restart changes no row. 12 bytes for each number in use.
/// </summary>
internal sealed class PolicyNumbering
{
    // Sets and groups: their lowest bit is the default verdict.
    private const uint Step = 2;

    private readonly Dictionary<uint, uint> _groups = new() { [0] = 0 };
    private readonly Dictionary<uint, uint> _peers = new() { [0] = 0 };
    private readonly Dictionary<uint, uint> _ports = new() { [0] = 0 };
    private readonly HashSet<uint> _usedPorts = [0];
    private uint _lastGroup;
    private uint _lastPeer;
    private ushort _lastPort;

    /// <summary>The number of a set or group of the compiler. Its lowest bit is kept.</summary>
    public uint Group(uint number)
    {
        if (!_groups.TryGetValue(number, out var known))
        {
            _lastGroup += Step;
            _groups.Add(number, known = _lastGroup | (number & 1));
        }

        return known;
    }

    public uint Peer(uint number)
    {
        if (!_peers.TryGetValue(number, out var known))
        {
            _peers.Add(number, known = ++_lastPeer);
        }

        return known;
    }

    /// <summary>16 bits: numbers are used again, those that were free for the longest time first.</summary>
    /// <exception cref="InvalidOperationException">All are in use.</exception>
    public uint Port(uint number)
    {
        if (!_ports.TryGetValue(number, out var known))
        {
            if (_usedPorts.Count > ushort.MaxValue)
            {
                throw new InvalidOperationException("policies use more than 65,535 classes of ports");
            }

            while (!_usedPorts.Add(++_lastPort))
            {
            }

            _ports.Add(number, known = _lastPort);
        }

        return known;
    }

    /// <summary>The compiler's number of a set or group of the target; null if none has it. A search among all.</summary>
    public uint? FindGroup(uint found) => Find(_groups, found);

    /// <inheritdoc cref="FindGroup"/>
    public uint? FindPeer(uint found) => Find(_peers, found);

    /// <inheritdoc cref="FindGroup"/>
    public uint? FindPort(uint found) => Find(_ports, found);

    /// <summary>Forgets the numbers of what the compiler no longer has.</summary>
    public void Trim(PolicyCompiler compiler)
    {
        // A group costs more to find than to remember.
        if (_groups.Count + _peers.Count + _ports.Count < 2 * (compiler.NumberCount + 1024))
        {
            return;
        }

        Keep(_groups, compiler.Groups.Select(g => g.Number).Concat(compiler.Sets.Select(s => s.Number)));
        Keep(_peers, compiler.PeerClasses.Select(c => c.Number));
        Keep(_ports, compiler.PortClasses.Select(c => c.Number));
        _usedPorts.Clear();
        _usedPorts.UnionWith(_ports.Values);
    }

    /// <summary>
    /// Starts with the target's numbers. A number of the compiler gets that of the target's rows if all of them agree and no other number
    /// has it; otherwise one that the target does not have.
    /// </summary>
    /// <param name="target">What the target has.</param>
    /// <param name="compiler">What it should have.</param>
    /// <param name="addressesOf">The addresses of the endpoints.</param>
    public void Adopt(PolicyTargetRows target, PolicyCompiler compiler, Func<string, IEnumerable<PolicyAddress>> addressesOf)
    {
        var (peers, ports, groups) = (new NumberMatch(), new NumberMatch(), new NumberMatch());
        foreach (var row in compiler.Rows)
        {
            switch (row)
            {
                case PeerRow or NetRow when target.Points.TryGetValue(row.Key, out var found):
                    peers.Propose(row is PeerRow peer ? peer.Class : ((NetRow)row).Class, found);
                    break;
                case PortRow or PortRangeRow when target.Points.TryGetValue(row.Key, out var found):
                    ports.Propose(row is PortRow port ? port.Class : ((PortRangeRow)row).Class, found);
                    break;
            }
        }

        foreach (var set in compiler.Bindings)
        {
            foreach (var address in addressesOf(set.Endpoint))
            {
                // An endpoint that is closed for a time says nothing about its set.
                if (target.Bindings.TryGetValue(address, out var sets)
                    && (set.Direction == PolicyDirection.Egress ? sets.Egress : sets.Ingress) is var found and not PolicySets.PendingSet)
                {
                    groups.Propose(set.Set, found);
                }
            }
        }

        var classes = peers.Result(sameParity: false);
        var portClasses = ports.Result(sameParity: false);
        var known = groups.Result(sameParity: true);
        foreach (var (set, found) in SetMatch.Find(target, compiler, classes, portClasses, known))
        {
            groups.Propose(set, found);
        }

        known = groups.Result(sameParity: true);
        foreach (var row in compiler.Rows.OfType<GroupRow>())
        {
            if (known.TryGetValue(row.Set, out var set) && classes.TryGetValue(row.Class, out var peerClass)
                && target.Groups.TryGetValue((row.Direction, set, peerClass), out var group))
            {
                groups.Propose(row.Group, group);
            }
        }

        Take(_peers, classes);
        Take(_ports, portClasses);
        Take(_groups, groups.Result(sameParity: true));
        _usedPorts.UnionWith(target.PortClasses);
        _usedPorts.UnionWith(_ports.Values);
        _lastGroup = Math.Max(_lastGroup, target.LastGroup & ~1u);
        _lastPeer = Math.Max(_lastPeer, target.LastPeerClass);
        _lastPort = (ushort)Math.Max(_lastPort, target.PortClasses.DefaultIfEmpty().Max());
    }

    private static uint? Find(Dictionary<uint, uint> numbers, uint found)
    {
        foreach (var (number, known) in numbers)
        {
            if (known == found)
            {
                return number;
            }
        }

        return null;
    }

    private static void Take(Dictionary<uint, uint> numbers, Dictionary<uint, uint> adopted)
    {
        foreach (var (number, known) in adopted)
        {
            numbers[number] = known;
        }
    }

    private static void Keep(Dictionary<uint, uint> numbers, IEnumerable<uint> live)
    {
        HashSet<uint> kept = [0, .. live];
        foreach (var number in numbers.Keys.Where(n => !kept.Contains(n)).ToList())
        {
            numbers.Remove(number);
        }
    }
}

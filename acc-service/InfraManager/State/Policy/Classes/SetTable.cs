namespace ACCOffload.InfraManager.State.Policy.Classes;

/// <summary>
/// The sets in force, their groups, and the rows of the group tables and of <c>verdicts</c>. A miss of <c>verdicts</c> counts for no rule:
/// as long as these are few, there is a row for each group and port class, also for those that the group's number decides alike. Whether
/// there are follows from the numbers of groups and classes alone, and not from the order of changes.
/// </summary>
/// <param name="atoms">The facts that rules ask for.</param>
/// <param name="peers">The classes of peers.</param>
/// <param name="ports">The classes of ports.</param>
/// <param name="firstNumber">The first number of a set or group.</param>
/// <param name="countedRows">The maximum number of rows of <c>verdicts</c> with which all packets are counted; 0: never.</param>
internal sealed class SetTable(AtomTable atoms, PeerClassifier peers, PortClassifier ports, uint firstNumber, int countedRows)
{
    // Within a change, former and new sets are there.
    private const int TransientFactor = 2;

    private const uint Allows = 1;

    private readonly Dictionary<SetKey, PolicySet> _sets = [];
    private readonly Dictionary<PolicySet, (SetCompiler Compiler, int Version)> _compilers = [];
    private Dictionary<GroupFunction, PolicyGroup> _groups = [];
    private uint _next = firstNumber;
    private bool _countsAll = countedRows > 0;

    public IReadOnlyCollection<PolicySet> Sets => _sets.Values;

    /// <summary>The groups that sets share; each set has one of its own, too.</summary>
    public IReadOnlyCollection<PolicyGroup> Groups => _groups.Values;

    public IEnumerable<PolicyRow> Rows =>
        AllGroups().SelectMany(g => g.Function.Cells.Select(c => (PolicyRow)new VerdictRow(g.Number, c.Key, c.Value)))
            .Concat(_sets.Values.SelectMany(s => s.Groups.Select(g => new GroupRow(s.Direction, s.Number, g.Key, g.Value.Number))));

    public PolicySet? Find(SetKey key) => _sets.GetValueOrDefault(key);

    /// <summary>Compiles a set, and adds its rows.</summary>
    public PolicySet Add(SetKey key, FlatPolicy policy, List<RowChange> changes)
    {
        MakeRoom(changes);
        var compiler = NewCompiler(policy);
        var function = compiler.Judge([]);
        var set = new PolicySet(key, policy, new PolicyGroup(NextNumber(function), function));
        AddVerdicts(set.Own, changes);
        _sets.Add(key, set);
        _compilers.Add(set, (compiler, ports.Version));
        foreach (var peerClass in peers.Classes)
        {
            AddGroup(set, peerClass, changes);
        }

        return set;
    }

    /// <summary>Removes a set without bindings, with its rows.</summary>
    public void Remove(PolicySet set, List<RowChange> changes)
    {
        _sets.Remove(set.Key);
        _compilers.Remove(set);
        foreach (var peerClass in set.Groups.Keys.ToList())
        {
            RemoveGroup(set, peerClass, changes);
        }

        RemoveVerdicts(set.Own, changes);
    }

    /// <summary>Adds the rows of a new peer class in every set, before an address points to it.</summary>
    public void Add(PeerClass peerClass, List<RowChange> changes)
    {
        foreach (var set in _sets.Values)
        {
            AddGroup(set, peerClass, changes);
        }
    }

    /// <summary>Removes the rows of a peer class that no address points to.</summary>
    public void Remove(PeerClass peerClass, List<RowChange> changes)
    {
        foreach (var set in _sets.Values.Where(s => s.Groups.ContainsKey(peerClass.Number)))
        {
            RemoveGroup(set, peerClass.Number, changes);
        }
    }

    /// <summary>Adds the rows of new port classes in every group, before a port points to them.</summary>
    public void Split(IReadOnlyCollection<(PortClass Class, PortClass Origin)> created, List<RowChange> changes)
    {
        if (created.Count == 0)
        {
            return;
        }

        MakeRoom(changes);
        foreach (var group in AllGroups())
        {
            foreach (var (portClass, origin) in created)
            {
                if (group.Function.Split(portClass.Number, origin.Number))
                {
                    changes.Add(RowChange.Insert(new VerdictRow(
                        group.Number, portClass.Number, group.Function.At(portClass.Number))));
                }
            }
        }

        Rehash();
    }

    /// <summary>Removes the rows of port classes that no port points to.</summary>
    public void Merge(IReadOnlyCollection<PortClass> dead, List<RowChange> changes)
    {
        if (dead.Count == 0)
        {
            return;
        }

        foreach (var group in AllGroups())
        {
            foreach (var portClass in dead)
            {
                var verdict = group.Function.At(portClass.Number);
                if (group.Function.Remove(portClass.Number))
                {
                    changes.Add(RowChange.Delete(new VerdictRow(group.Number, portClass.Number, verdict)));
                }
            }
        }

        Rehash();
    }

    /// <summary>At the end of a change: adds the rows that only count, or removes them.</summary>
    public void Balance(List<RowChange> changes)
    {
        var countsAll = countedRows > 0 && (long)GroupCount * ports.Classes.Count <= countedRows;
        if (countsAll == _countsAll)
        {
            return;
        }

        if (!countsAll)
        {
            Thin(changes);
            return;
        }

        _countsAll = true;
        foreach (var group in AllGroups())
        {
            foreach (var portClass in ports.Classes)
            {
                if (group.Function.Fill(portClass.Number))
                {
                    changes.Add(RowChange.Insert(new VerdictRow(group.Number, portClass.Number, group.Function.Default)));
                }
            }
        }

        Rehash();
        _compilers.Clear();
    }

    /// <summary>Before a group or class is added: never adds far more rows than may stay.</summary>
    private void MakeRoom(List<RowChange> changes)
    {
        if (_countsAll && (GroupCount + 1L) * ports.Classes.Count > (long)TransientFactor * countedRows)
        {
            Thin(changes);
        }
    }

    private void Thin(List<RowChange> changes)
    {
        _countsAll = false;
        foreach (var group in AllGroups())
        {
            foreach (var portClass in group.Function.Thin())
            {
                changes.Add(RowChange.Delete(new VerdictRow(group.Number, portClass, group.Function.Default)));
            }
        }

        Rehash();
        _compilers.Clear();
    }

    private void AddGroup(PolicySet set, PeerClass peerClass, List<RowChange> changes)
    {
        MakeRoom(changes);
        var function = CompilerOf(set).Judge(peerClass.Atoms);
        if (function.Equals(set.Own.Function))
        {
            return;
        }

        if (!_groups.TryGetValue(function, out var group))
        {
            group = new PolicyGroup(NextNumber(function), function);
            _groups.Add(function, group);
            AddVerdicts(group, changes);
        }

        group.Rows++;
        set.Groups.Add(peerClass.Number, group);
        changes.Add(RowChange.Insert(new GroupRow(set.Direction, set.Number, peerClass.Number, group.Number)));
    }

    private void RemoveGroup(PolicySet set, uint peerClass, List<RowChange> changes)
    {
        set.Groups.Remove(peerClass, out var group);
        changes.Add(RowChange.Delete(new GroupRow(set.Direction, set.Number, peerClass, group!.Number)));
        if (--group.Rows == 0)
        {
            _groups.Remove(group.Function);
            RemoveVerdicts(group, changes);
        }
    }

    private static void AddVerdicts(PolicyGroup group, List<RowChange> changes) => changes.AddRange(group.Function.Cells
        .Select(c => RowChange.Insert(new VerdictRow(group.Number, c.Key, c.Value))));

    private static void RemoveVerdicts(PolicyGroup group, List<RowChange> changes) => changes.AddRange(group.Function.Cells
        .Select(c => RowChange.Delete(new VerdictRow(group.Number, c.Key, c.Value))));

    private int GroupCount => _sets.Count + _groups.Count;

    private SetCompiler NewCompiler(FlatPolicy policy) => new(policy, atoms, ports, _countsAll);

    private IEnumerable<PolicyGroup> AllGroups() => _sets.Values.Select(s => s.Own).Concat(_groups.Values);

    // A compiler keeps its functions, and these change with the port classes.
    private SetCompiler CompilerOf(PolicySet set)
    {
        if (!_compilers.TryGetValue(set, out var known) || known.Version != ports.Version)
        {
            _compilers[set] = known = (NewCompiler(set.Policy), ports.Version);
        }

        return known.Compiler;
    }

    // The functions are keys, and they have changed.
    private void Rehash() => _groups = _groups.Values.ToDictionary(g => g.Function);

    private uint NextNumber(GroupFunction function)
    {
        var number = _next;
        _next += 2;
        return function.Default.IsAllowed ? number | Allows : number;
    }
}

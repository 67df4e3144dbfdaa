using ACCOffload.InfraManager.State.Policy.Classes;
using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.Tests.Policy;

/// <summary>The policy tables as the pipeline reads them: rows and misses, nothing else.</summary>
internal sealed class PolicyTables
{
    private readonly Dictionary<(Type Table, object Key), PolicyRow> _rows = [];
    private readonly Dictionary<PolicyNet, NetRow> _nets = [];
    private readonly Dictionary<uint, string> _defaults = [];

    public IEnumerable<PolicyRow> Rows => _rows.Values;

    /// <summary>Writes one step; fails where a target would.</summary>
    public void Apply(RowChange change)
    {
        var key = (change.Row.GetType(), change.Row.Key);
        if (change.Row is NetRow net)
        {
            _nets.Remove(net.Net);
            if (change.Kind != RowChangeKind.Delete)
            {
                _nets.Add(net.Net, net);
            }
        }

        if (change.Kind == RowChangeKind.Insert)
        {
            Assert.True(_rows.TryAdd(key, change.Row), $"{change.Row} exists: {_rows[key]}");
            return;
        }

        Assert.True(_rows.ContainsKey(key), $"{change} has no row");
        if (change.Kind == RowChangeKind.Delete)
        {
            _rows.Remove(key);
        }
        else
        {
            Assert.NotEqual(_rows[key], change.Row);
            _rows[key] = change.Row;
        }
    }

    public void Apply(IEnumerable<RowChange> changes)
    {
        foreach (var change in changes)
        {
            Apply(change);
        }
    }

    /// <summary>Remembers which rule decides where a group has no row, which no table says.</summary>
    public void Learn(PolicyCompiler compiler)
    {
        foreach (var group in compiler.Groups.Concat(compiler.Sets.Select(s => s.Own)))
        {
            _defaults[group.Number] = compiler.Rules[group.Function.Default.Rule];
        }
    }

    public uint SetOf(string endpoint, PolicyDirection direction) =>
        Find(new BindingRow(endpoint, direction, 0))?.Set ?? throw new InvalidOperationException($"{endpoint} is not bound");

    public uint PeerClass(PolicyAddress address)
    {
        if (Find(new PeerRow(address, 0)) is { } peer)
        {
            return peer.Class;
        }

        var nets = _nets.Values.Where(n => n.Net.Contains(address)).ToList();
        return nets.Count == 0 ? 0 : nets.MaxBy(n => n.Net.Length)!.Class;
    }

    public uint PortClass(byte protocol, ushort port)
    {
        if (Find(new PortRow(protocol, port, 0)) is { } exact)
        {
            return exact.Class;
        }

        for (var length = 16; length >= 0; length--)
        {
            if (Find(new PortRangeRow(protocol, (ushort)(port & (0xffff << (16 - length))), length, 0)) is { } range)
            {
                return range.Class;
            }
        }

        return 0;
    }

    /// <summary>Null if the endpoint is not judged in this direction.</summary>
    public PolicyVerdict? Judge(PolicyCompiler compiler, string endpoint, PolicyDirection direction, PolicyPacket packet)
    {
        var set = SetOf(endpoint, direction);
        return set == 0 ? null : Judge(compiler, direction, set, PeerClass(packet.Peer), PortClass(packet.Protocol, packet.Port));
    }

    /// <summary>The rule is empty for the default of a group that came and went within one change.</summary>
    public PolicyVerdict Judge(PolicyCompiler compiler, PolicyDirection direction, uint set, uint peerClass, uint portClass)
    {
        var group = Find(new GroupRow(direction, set, peerClass, 0))?.Group ?? set;
        return Find(new VerdictRow(group, portClass, default)) is { Verdict: var verdict }
            ? new PolicyVerdict(verdict.IsAllowed, compiler.Rules[verdict.Rule], verdict.IsLogged, compiler.Rules[verdict.WouldDrop])
            : new PolicyVerdict((group & 1) == 1, _defaults.GetValueOrDefault(group, ""), false);
    }

    private T? Find<T>(T pattern) where T : PolicyRow => _rows.TryGetValue((typeof(T), pattern.Key), out var row) ? (T)row : null;
}

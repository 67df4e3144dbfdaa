using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Policy.Classes;

/// <summary>Port classes, and the rows of <c>ports</c> and <c>port_ranges</c>.</summary>
internal sealed class PortClassifier(uint firstNumber)
{
    private const int PortBits = 16;

    private readonly Dictionary<PortTest, int> _tests = [];
    private readonly Dictionary<SequenceOf<PortTest>, PortClass> _classes = new() { [[]] = new PortClass(0, []) };
    private Dictionary<object, PolicyRow> _rows = [];
    private uint _next = firstNumber;

    /// <summary>All classes; those in no test, with number 0, included.</summary>
    public IReadOnlyCollection<PortClass> Classes => _classes.Values;

    public IReadOnlyCollection<PolicyRow> Rows => _rows.Values;

    /// <summary>Changes with each class that comes, goes or changes its tests.</summary>
    public int Version { get; private set; }

    /// <summary>The class of a port, as its rows say: 0 without one.</summary>
    public uint ClassOf(byte protocol, ushort port)
    {
        if (_rows.TryGetValue((protocol, port), out var exact))
        {
            return ((PortRow)exact).Class;
        }

        for (var length = PortBits; length >= 0; length--)
        {
            var first = (ushort)(port & (0xffff << (PortBits - length)));
            if (_rows.TryGetValue((protocol, first, length), out var range))
            {
                return ((PortRangeRow)range).Class;
            }
        }

        return 0;
    }

    public PortMoves Add(IEnumerable<PortTest> tests)
    {
        var moves = new PortMoves();
        var added = new HashSet<PortTest>();
        foreach (var test in tests)
        {
            _tests[test] = _tests.GetValueOrDefault(test) + 1;
            if (_tests[test] == 1)
            {
                added.Add(test);
            }
        }

        if (added.Count == 0)
        {
            return moves;
        }

        // The parts of each class. A class all of whose ports move keeps its number for one of the parts.
        var parts = Signatures().GroupBy(s => new SequenceOf<PortTest>([.. s.Where(t => !added.Contains(t))])).ToList();
        foreach (var part in parts)
        {
            var origin = _classes[part.Key];
            var rest = part.Where(s => s != part.Key).ToList();
            if (origin.Number != 0 && rest.Count == part.Count())
            {
                Rename(origin, rest[0]);
                rest.RemoveAt(0);
            }

            foreach (var signature in rest)
            {
                var created = new PortClass(_next++, signature);
                _classes.Add(signature, created);
                moves.Created.Add((created, origin));
            }
        }

        WriteRows(moves);
        return moves;
    }

    public PortMoves Remove(IEnumerable<PortTest> tests)
    {
        var moves = new PortMoves();
        var removed = new HashSet<PortTest>();
        foreach (var test in tests)
        {
            if (--_tests[test] == 0)
            {
                _tests.Remove(test);
                removed.Add(test);
            }
        }

        if (removed.Count == 0)
        {
            return moves;
        }

        foreach (var portClass in _classes.Values.Where(c => c.Tests.Any(removed.Contains)).OrderBy(c => c.Number).ToList())
        {
            SequenceOf<PortTest> signature = [.. portClass.Tests.Where(t => !removed.Contains(t))];
            if (_classes.ContainsKey(signature))
            {
                _classes.Remove(portClass.Tests);
                moves.Dead.Add(portClass);
            }
            else
            {
                Rename(portClass, signature);
            }
        }

        WriteRows(moves);
        return moves;
    }

    private void Rename(PortClass portClass, SequenceOf<PortTest> tests)
    {
        _classes.Remove(portClass.Tests);
        portClass.Tests = tests;
        _classes.Add(tests, portClass);
    }

    private HashSet<SequenceOf<PortTest>> Signatures() => [.. Intervals().Select(i => i.Signature), []];

    private IEnumerable<(byte Protocol, int First, int Last, SequenceOf<PortTest> Signature)> Intervals()
    {
        foreach (var protocol in _tests.Keys.GroupBy(t => t.Protocol))
        {
            var cuts = new SortedSet<int> { 0, 1 << PortBits };
            foreach (var test in protocol)
            {
                cuts.Add(test.First);
                cuts.Add(test.Last + 1);
            }

            var starts = cuts.ToList();
            for (var i = 0; i + 1 < starts.Count; i++)
            {
                yield return (protocol.Key, starts[i], starts[i + 1] - 1,
                    [.. protocol.Where(t => t.Contains(protocol.Key, starts[i])).Order()]);
            }
        }
    }

    private void WriteRows(PortMoves moves)
    {
        Version++;
        var rows = new Dictionary<object, PolicyRow>();
        foreach (var (protocol, first, last, signature) in Intervals())
        {
            foreach (var row in BlocksOf(protocol, first, last, _classes[signature].Number))
            {
                rows.Add(row.Key, row);
            }
        }

        foreach (var row in rows.Values)
        {
            if (!_rows.TryGetValue(row.Key, out var former))
            {
                moves.Points.Add(RowChange.Insert(row));
            }
            else if (former != row)
            {
                moves.Points.Add(RowChange.Modify(row));
            }
        }

        moves.Points.AddRange(_rows.Values.Where(r => !rows.ContainsKey(r.Key)).Select(RowChange.Delete));
        PointOrder.Sort(moves.Points);
        _rows = rows;
    }

    // The largest aligned blocks that make up the range.
    private static IEnumerable<PolicyRow> BlocksOf(byte protocol, int first, int last, uint number)
    {
        // Ports in no test miss both tables.
        while (number != 0 && first <= last)
        {
            var size = first == 0 ? 1 << PortBits : first & -first;
            while (first + size - 1 > last)
            {
                size >>= 1;
            }

            yield return size == 1
                ? new PortRow(protocol, (ushort)first, number)
                : new PortRangeRow(protocol, (ushort)first, PortBits - int.Log2(size), number);
            first += size;
        }
    }
}

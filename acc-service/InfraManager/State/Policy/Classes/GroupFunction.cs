namespace ACCOffload.InfraManager.State.Policy.Classes;

/// <summary>
/// What a group says about each port class: a default, and the classes that differ from it, sorted by number. So that all packets are
/// counted, it may have a cell for every class.
/// </summary>
internal sealed class GroupFunction : IEquatable<GroupFunction>
{
    /// <summary>The verdict about port classes without a cell. The table cannot log or count on a miss, so this one does neither.</summary>
    public RowVerdict Default { get; }

    private readonly SortedDictionary<uint, RowVerdict> _cells;

    private GroupFunction(RowVerdict byDefault, SortedDictionary<uint, RowVerdict> cells) => (Default, _cells) = (byDefault, cells);

    public IReadOnlyDictionary<uint, RowVerdict> Cells => _cells;

    /// <summary>The default is what holds for ports in no test, so that it does not depend on how many classes there are.</summary>
    /// <param name="verdicts">By port class.</param>
    /// <param name="countsAll">Whether every class gets a cell.</param>
    public static GroupFunction Of(IReadOnlyDictionary<uint, RowVerdict> verdicts, bool countsAll)
    {
        var byDefault = verdicts[0].ToPlain();
        return new GroupFunction(byDefault, new SortedDictionary<uint, RowVerdict>(
            verdicts.Where(v => countsAll || v.Value != byDefault).ToDictionary(v => v.Key, v => v.Value)));
    }

    public RowVerdict At(uint portClass) => _cells.TryGetValue(portClass, out var verdict) ? verdict : Default;

    /// <summary>The new port class is judged as the class that its ports were in. Returns whether that needs a cell.</summary>
    public bool Split(uint created, uint origin)
    {
        if (!_cells.TryGetValue(origin, out var verdict))
        {
            return false;
        }

        _cells.Add(created, verdict);
        return true;
    }

    /// <summary>Forgets a port class. Returns whether it had a cell.</summary>
    public bool Remove(uint portClass) => _cells.Remove(portClass);

    /// <summary>Gives a port class a cell that says what the default says. Returns whether it had none.</summary>
    public bool Fill(uint portClass) => _cells.TryAdd(portClass, Default);

    /// <summary>Removes the cells that say what the default says. Returns their port classes.</summary>
    public List<uint> Thin()
    {
        var same = _cells.Where(c => c.Value == Default).Select(c => c.Key).ToList();
        same.ForEach(c => _cells.Remove(c));
        return same;
    }

    public bool Equals(GroupFunction? other) => other is not null && Default == other.Default && _cells.SequenceEqual(other._cells);

    public override bool Equals(object? obj) => Equals(obj as GroupFunction);

    public override int GetHashCode()
    {
        var hash = default(HashCode);
        hash.Add(Default);
        foreach (var cell in _cells)
        {
            hash.Add(cell.Key);
            hash.Add(cell.Value);
        }

        return hash.ToHashCode();
    }
}

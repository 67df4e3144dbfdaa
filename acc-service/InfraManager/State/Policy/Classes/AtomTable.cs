namespace ACCOffload.InfraManager.State.Policy.Classes;

/// <summary>The facts about addresses that the sets of this node use. Addresses alike in all of them are one peer class.</summary>
internal sealed class AtomTable
{
    private readonly Dictionary<AtomKey, Atom> _atoms = [];
    private List<Atom> _created = [];
    private int _last;

    public IReadOnlyCollection<Atom> All => _atoms.Values;

    public Atom? Find(AtomKey key) => _atoms.GetValueOrDefault(key);

    public Atom Retain(AtomKey key)
    {
        if (!_atoms.TryGetValue(key, out var atom))
        {
            _atoms.Add(key, atom = new Atom(++_last, key));
            _created.Add(atom);
        }

        atom.Uses++;
        return atom;
    }

    /// <summary>Whether the atom is no longer in use, and so was removed.</summary>
    public bool Release(Atom atom) => --atom.Uses == 0 && _atoms.Remove(atom.Key);

    /// <summary>The atoms created since the last call.</summary>
    public List<Atom> TakeCreated()
    {
        var created = _created;
        _created = [];
        return created;
    }
}

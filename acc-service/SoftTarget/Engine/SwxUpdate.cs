namespace ACCOffload.SoftTarget.Engine;

/// <summary>
/// A set of changes that packets see at once. A change takes effect on the tables' private copy as it is made, so later
/// lookups and changes of the same update see it. Shapes (lengths, actions, prefixes) that the table can't have throw
/// <see cref="ArgumentException"/> and change nothing.
/// </summary>
public sealed class SwxUpdate : IDisposable
{
    internal SwxUpdate()
    {
    }

    /// <summary>Adds an entry.</summary>
    /// <param name="table">Index of the table.</param>
    /// <param name="key">Packed key; bits outside the mask must be 0.</param>
    /// <param name="mask">Packed mask; empty for an exact table. For lpm fields a prefix, for exact fields all ones.</param>
    /// <param name="priority">For a wildcard table, the greater wins (equal: the entry added first); else 0.</param>
    /// <param name="action">Index of the action.</param>
    /// <param name="data">Action data: the arguments in their order, big-endian, full width.</param>
    public SwxChange Insert(
        int table, ReadOnlySpan<byte> key, ReadOnlySpan<byte> mask, uint priority, int action, ReadOnlySpan<byte> data)
        => throw new NotImplementedException();

    /// <summary>Replaces the action of an entry.</summary>
    public SwxChange Modify(
        int table, ReadOnlySpan<byte> key, ReadOnlySpan<byte> mask, uint priority, int action, ReadOnlySpan<byte> data)
        => throw new NotImplementedException();

    /// <summary>Removes an entry.</summary>
    public SwxChange Delete(int table, ReadOnlySpan<byte> key, ReadOnlySpan<byte> mask, uint priority)
        => throw new NotImplementedException();

    /// <summary>Removes all entries of a table.</summary>
    public void Clear(int table) => throw new NotImplementedException();

    /// <summary>Sets the default action of a table.</summary>
    public void SetDefaultAction(int table, int action, ReadOnlySpan<byte> data) => throw new NotImplementedException();

    /// <summary>Restores the default action of the specification.</summary>
    public void ResetDefaultAction(int table) => throw new NotImplementedException();

    /// <summary>Sets the members of a selector group; none removes it.</summary>
    public void SetGroup(int selector, uint group, ReadOnlySpan<SwxMember> members) => throw new NotImplementedException();

    /// <summary>Number of changes made.</summary>
    public int Changes => throw new NotImplementedException();

    /// <summary>Undoes all changes made since a mark (the value of <see cref="Changes"/> then).</summary>
    public void RollbackTo(int mark) => throw new NotImplementedException();

    /// <summary>Undoes the update unless it was committed.</summary>
    public void Dispose() => throw new NotImplementedException();
}

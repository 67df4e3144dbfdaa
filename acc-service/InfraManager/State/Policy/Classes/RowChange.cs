namespace ACCOffload.InfraManager.State.Policy.Classes;

internal enum RowChangeKind
{
    Insert = 0,
    Modify = 1,
    Delete = 2,
}

/// <summary>One step of a change. The order of steps is part of the contract: see <see cref="PolicyCompiler"/>.</summary>
internal readonly record struct RowChange(RowChangeKind Kind, PolicyRow Row)
{
    public static RowChange Insert(PolicyRow row) => new(RowChangeKind.Insert, row);

    public static RowChange Modify(PolicyRow row) => new(RowChangeKind.Modify, row);

    public static RowChange Delete(PolicyRow row) => new(RowChangeKind.Delete, row);
}

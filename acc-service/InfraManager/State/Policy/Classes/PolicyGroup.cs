namespace ACCOffload.InfraManager.State.Policy.Classes;

/// <summary>A numbered <see cref="GroupFunction"/>. The lowest bit of the number is 1 if its default allows.</summary>
internal sealed class PolicyGroup(uint number, GroupFunction function)
{
    public uint Number { get; } = number;

    public GroupFunction Function { get; } = function;

    /// <summary>The number of rows of group tables that name it.</summary>
    public int Rows { get; set; }
}

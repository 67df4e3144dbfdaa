using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.State.Policy.Classes;

/// <summary>A compiled policy of one direction, which the endpoints with the same policy share.</summary>
internal sealed class PolicySet(SetKey key, FlatPolicy policy, PolicyGroup own)
{
    public SetKey Key { get; } = key;

    public FlatPolicy Policy { get; } = policy;

    /// <summary>How it judges peers of class 0, and of every class without a row. Has the set's number.</summary>
    public PolicyGroup Own { get; } = own;

    public uint Number => Own.Number;

    public PolicyDirection Direction => Key.Direction;

    /// <summary>The groups by peer class.</summary>
    public Dictionary<uint, PolicyGroup> Groups { get; } = [];

    /// <summary>The number of bindings.</summary>
    public int Uses { get; set; }
}

namespace ACCOffload.InfraManager.State.Policy.Felix.Messages;

/// <summary>Members of an IP set, and the texts that are none.</summary>
internal sealed record FelixMembers(IReadOnlyList<FelixMember> Known, IReadOnlyList<string> Unknown)
{
    public static FelixMembers None { get; } = new([], []);
}

namespace ACCOffload.InfraManager.State.Policy.Felix;

/// <summary>
/// Bounds of what is kept of Felix's messages, far above what was seen. What exceeds them does not exist for the model: endpoints that
/// need it keep their former tables, and new ones are closed.
/// </summary>
internal sealed record FelixLimits
{
    /// <summary>Members of all IP sets together. One takes about 100 bytes.</summary>
    public int Members { get; init; } = 4_000_000;

    /// <summary>IP sets.</summary>
    public int Sets { get; init; } = 100_000;

    /// <summary>Bytes of all messages about policies, profiles and endpoints that are in force together.</summary>
    public long Bytes { get; init; } = 256 * 1024 * 1024;
}

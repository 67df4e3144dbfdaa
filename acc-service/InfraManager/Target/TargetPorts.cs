namespace ACCOffload.InfraManager.Target;

/// <summary>The TAPs that have to be there before the pipeline is pushed.</summary>
/// <param name="Names">By the target's chassis configuration. Empty where ports are added at run time.</param>
/// <param name="MadeByOthers">They are waited for. Otherwise InfraManager makes those that are missing.</param>
internal sealed record TargetPorts(IReadOnlyList<string> Names, bool MadeByOthers)
{
    /// <summary>No port is needed before the pipeline.</summary>
    public static readonly TargetPorts None = new([], MadeByOthers: false);
}

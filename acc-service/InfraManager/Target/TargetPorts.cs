namespace ACCOffload.InfraManager.Target;

/// <summary>The TAP ports that must exist before the pipeline is pushed.</summary>
/// <param name="Names">Their names in the target's chassis configuration. Empty if ports are added at run time.</param>
/// <param name="CreatedExternally">Whether InfraManager waits for them; otherwise it creates missing ones.</param>
internal sealed record TargetPorts(IReadOnlyList<string> Names, bool CreatedExternally)
{
    /// <summary>No ports are needed before the pipeline.</summary>
    public static readonly TargetPorts None = new([], CreatedExternally: false);
}

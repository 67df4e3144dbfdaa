namespace ACCOffload.InfraManager.Target;

/// <summary>
/// Where the compiled pipeline is: ours in a directory, or a package of release 24.01 with its P4Info. Without a package another controller
/// loads it.
/// </summary>
internal sealed record PipelineSettings(string Directory, string? Package, string? P4Info);

namespace ACCOffload.InfraManager.Target;

/// <summary>
/// The files of the compiled pipeline: ours in a directory, or a release 24.01 package with its P4Info. Without a package another
/// controller loads the pipeline.
/// </summary>
internal sealed record PipelineSettings(string Directory, string? Package, string? P4Info);

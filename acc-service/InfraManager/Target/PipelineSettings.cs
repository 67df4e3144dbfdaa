namespace ACCOffload.InfraManager.Target;

/// <summary>
/// The files of the compiled pipeline: ours in a directory, or a release 24.01 package with its P4Info. A 24.01 pipeline
/// without a package is loaded by another controller.
/// </summary>
internal sealed record PipelineSettings(string Directory, string? Package, string? P4Info);

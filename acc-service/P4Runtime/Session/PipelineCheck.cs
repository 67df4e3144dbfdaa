namespace ACCOffload.P4Runtime.Session;

/// <summary>What <see cref="P4RuntimeSession.EnsurePipelineAsync"/> found and did.</summary>
/// <param name="Pushed">Whether the pipeline was pushed, in which case the tables are empty now.</param>
/// <param name="FoundCookie">The cookie that the target had before; 0 of a pipeline without one; null where no pipeline was loaded.</param>
public readonly record struct PipelineCheck(bool Pushed, ulong? FoundCookie);

namespace ACCOffload.InfraManager.State.Services;

/// <summary>
/// Capacities of the pipeline's tables (p4src), which bound what one service may have. Kubernetes limits only the size of a Service, and a
/// slice to 1,000 endpoints. All services share the tables.
/// </summary>
internal static class ServiceBounds
{
    /// <summary>Frontends: <c>frontends</c> has one row for each, <c>services</c> one for each direction (inside, outside).</summary>
    public const int Frontends = 65536 / 2;

    /// <summary>Rows of <c>backends</c> and of <c>endpoints</c>.</summary>
    public const int Backends = 262144;

    /// <summary>Rows of <c>source_ranges</c>.</summary>
    public const int SourceRanges = 16384;

    /// <summary>Null, or why a service cannot have this many frontends, on this node or any other.</summary>
    public static string? FrontendCountProblem(long count) =>
        count > Frontends ? $"it has {count} frontends (addresses times ports), and the pipeline's tables have room for {Frontends}" : null;

    /// <summary>Null, or why a service cannot have this many backends.</summary>
    public static string? BackendCountProblem(long count) =>
        count > Backends ? $"it has {count} backends across all its ports, and the pipeline's tables have room for {Backends}" : null;

    /// <summary>Null, or why a list cannot have this many ranges.</summary>
    public static string? RangeCountProblem(int count) =>
        count > SourceRanges ? $"it has {count} ranges, and the pipeline's table has room for {SourceRanges}" : null;
}

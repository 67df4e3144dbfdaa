namespace ACCOffload.InfraManager.State.Services;

/// <summary>
/// The rows that the pipeline's tables have room for (p4src), and so what one service may have. Kubernetes' own limits are below them:
/// 20,000 ports a service, slices of 1,000 endpoints. All services share the tables.
/// </summary>
internal static class ServiceBounds
{
    /// <summary>Of <c>frontends</c>, and of <c>services</c>, where each frontend has one row for either side.</summary>
    public const int Frontends = 65536 / 2;

    /// <summary>Of <c>backends</c> and <c>endpoints</c>.</summary>
    public const int Backends = 262144;

    /// <summary>Of <c>source_ranges</c>.</summary>
    public const int SourceRanges = 16384;

    /// <summary>Null, or why a service with so many frontends can't be served, on this node or any other.</summary>
    public static string? WhyNotFrontends(long count) =>
        count > Frontends ? $"it has {count} frontends (addresses times ports), and the pipeline's tables have room for {Frontends}" : null;

    /// <summary>Null, or why a service with so many backends can't be served.</summary>
    public static string? WhyNotBackends(long count) =>
        count > Backends ? $"it has {count} backends over all its ports, and the pipeline's tables have room for {Backends}" : null;

    /// <summary>Null, or why a list of so many ranges can't be applied.</summary>
    public static string? WhyNotRanges(int count) =>
        count > SourceRanges ? $"it has {count} ranges, and the pipeline's table has room for {SourceRanges}" : null;
}

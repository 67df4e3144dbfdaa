namespace ACCOffload.InfraManager.State.Values;

/// <summary>
/// The API that created an endpoint. Sync affects only endpoints of <see cref="Offload"/>. Stored: never renumber.
/// </summary>
internal enum ApiOrigin
{
    Offload = 1,
    InfraAgent = 2,

    /// <summary>No API: the endpoint is configured. Never stored.</summary>
    Configuration = 3,
}

namespace ACCOffload.InfraManager.State.Values;

/// <summary>
/// The API that an endpoint came through. Sync touches only what came through <see cref="Offload"/>. Stored: never renumber.
/// </summary>
internal enum ApiOrigin
{
    Offload = 1,
    InfraAgent = 2,

    /// <summary>None: the configuration says that it is there. Never stored.</summary>
    Configuration = 3,
}

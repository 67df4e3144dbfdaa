using System.Net;
using ACCOffload.InfraManager.Security;

namespace ACCOffload.InfraManager.Configuration;

/// <summary>
/// The port of the health check that 24.01's agent serves on all addresses of the host. It is also the default of Api:HealthListen, so
/// on one machine the one that starts later fails.
/// </summary>
internal static class AgentHealthPort
{
    public const int Number = 50096;

    /// <summary>An address for our health check beside such an agent.</summary>
    public const string FreeAddress = "127.0.0.1:50099";

    public const string Remedy = $"set Api:HealthListen to {FreeAddress}, or to \"\" for none";

    /// <summary>
    /// Whether such an agent is expected on this machine, and its port is ours: it is known by its fingerprint, and reaches the API through
    /// a loopback address.
    /// </summary>
    public static bool IsExpected(ApiSettings api) =>
        api is { HealthListen.Port: Number, FingerprintRoles.Count: > 0 } && IPAddress.IsLoopback(api.Listen.Address);
}

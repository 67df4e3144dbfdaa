using System.Text.Json.Nodes;
using ACCOffload.TestKit.Labs;

namespace ACCOffload.Integration.Tests.Monitoring;

/// <summary>A lab whose daemons serve metrics under mutual TLS, with the certificates that `make certs` creates.</summary>
internal static class MonitoredLab
{
    /// <summary>Where inframanager serves them.</summary>
    public const string Manager = "192.0.2.1:50097";

    /// <summary>Where the agent serves them.</summary>
    public const string Agent = "192.0.2.2:50098";

    public static async Task<Lab> StartAsync()
    {
        var lab = await Lab.StartAsync(new LabOptions { Bare = true });
        try
        {
            lab.ChangeManagerConfig(c => c["Metrics"] = new JsonObject { ["Listen"] = Manager });
            lab.ChangeAgentConfig(c => c["Metrics"] = new JsonObject
            {
                ["Listen"] = Agent,
                ["CertificateFile"] = $"{lab.Pki}/metrics-server/tls.crt",
                ["KeyFile"] = $"{lab.Pki}/metrics-server/tls.key",
                ["CaFile"] = $"{lab.Pki}/metrics-server/ca.crt",
            });
            await lab.StartManagerAsync();
            await lab.StartAgentAsync();
            return lab;
        }
        catch
        {
            await lab.DisposeAsync();
            throw;
        }
    }
}

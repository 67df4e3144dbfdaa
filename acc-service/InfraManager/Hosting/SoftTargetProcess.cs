using ACCOffload.InfraManager.Configuration;
using ACCOffload.SoftTarget;
using ACCOffload.SoftTarget.Server;

namespace ACCOffload.InfraManager.Hosting;

/// <summary>Starts the soft target in this process.</summary>
internal static class SoftTargetProcess
{
    /// <param name="settings">What to run.</param>
    /// <param name="source">Where the settings come from, for errors.</param>
    /// <param name="loggers">Create its loggers.</param>
    /// <param name="cancellationToken">Cancels the start.</param>
    /// <returns>Stops it when disposed of.</returns>
    /// <exception cref="ConfigurationException">It cannot listen on its address.</exception>
    public static async Task<IAsyncDisposable> StartAsync(
        SoftTargetSettings settings, string source, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        var options = new SoftTargetOptions
        {
            Listen = [settings.Listen],
            PortNamespace = settings.PortNamespace,
            Tls = settings.CertificateFile is null
                ? null
                : new SoftTargetTlsOptions
                {
                    CertificateFile = settings.CertificateFile,
                    KeyFile = settings.KeyFile!,
                    CaFile = settings.CaFile!,
                    ClientRoles = settings.ClientRoles,
                },
        };
        try
        {
            return await SoftTargetHost.StartAsync(options, loggers, cancellationToken);
        }
        catch (Exception e) when (e is ArgumentException or IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationException(new ConfigurationError(
                source, "SoftTarget:Listen", settings.Listen, $"cannot be served: {e.Message.ReplaceLineEndings(" ")}",
                "stop what uses it, or name another address"));
        }
    }
}

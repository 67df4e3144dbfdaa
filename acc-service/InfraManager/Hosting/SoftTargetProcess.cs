using ACCOffload.InfraManager.Configuration;
using ACCOffload.SoftTarget;
using ACCOffload.SoftTarget.Server;

namespace ACCOffload.InfraManager.Hosting;

/// <summary>Starts the soft target in this process.</summary>
internal static class SoftTargetProcess
{
    /// <param name="settings">Its settings.</param>
    /// <param name="source">Where the settings come from, for errors.</param>
    /// <param name="loggers">Creates its loggers.</param>
    /// <param name="cancellationToken">Cancels the start.</param>
    /// <returns>The running target; disposing of it stops it.</returns>
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
                "stop the program that uses it, or choose another address"));
        }
    }
}

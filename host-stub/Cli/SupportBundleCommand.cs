using System.Collections.ObjectModel;
using ACCOffload.Daemon.Support;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Configuration;

namespace ACCOffload.HostStub.Cli;

/// <summary>`host-stub support-bundle`: an archive of what helps to understand a problem of this node, without secrets.</summary>
internal static class SupportBundleCommand
{
    /// <returns>The exit code; null when the arguments are not valid.</returns>
    public static int? Run(ReadOnlySpan<string> args)
    {
        string file = AgentConfigReader.DefaultFile, socket = CniNetworkHeader.DefaultSocket;
        string? output = null;
        for (var i = 0; i < args.Length; i++)
        {
            if (i + 1 == args.Length)
            {
                return null;
            }

            switch (args[i])
            {
                case "--config":
                    file = args[++i];
                    break;
                case "--socket":
                    socket = args[++i];
                    break;
                case "--output":
                    output = args[++i];
                    break;
                default:
                    return null;
            }
        }

        var name = SupportBundle.NameOf("host-stub", TimeProvider.System);
        return SupportFile.WriteAsync(
            "host-stub", output, name, b => FillAsync(b, file, socket), Console.Out, Console.Error, CancellationToken.None)
            .GetAwaiter().GetResult();
    }

    private static async Task FillAsync(SupportBundle bundle, string file, string socket)
    {
        await bundle.AddTextAsync("version.txt", $"host-stub {ProductVersion.Text}\n");
        await bundle.AddCommandAsync("doctor.txt", "doctor", "--config", file);
        await bundle.AddCommandAsync("state/status.json", "status", "--json", "--socket", socket);
        await bundle.AddCommandAsync("state/status.txt", "status", "--socket", socket);
        await bundle.AddCommandAsync("state/devices.json", "devices", "--json", "--socket", socket);
        await SupportConfiguration.AddAsync(
            bundle, file, Environment.GetEnvironmentVariables(), AgentConfigReader.OtherSections,
            ReadOnlyDictionary<string, string>.Empty);
        await bundle.AddProgramAsync("cni/networks.txt", "ls", "-l", "/etc/cni/net.d", "/opt/cni/bin");
        await bundle.AddMachineAsync("host-stub-agent.service", "host-stub-ports.service");
    }
}

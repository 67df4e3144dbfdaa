using ACCOffload.HostStub.Configuration;
using ACCOffload.HostStub.Devices;

namespace ACCOffload.HostStub.Cli;

/// <summary>
/// `host-stub prepare`: creates the ports' namespace. A systemd unit runs it outside the agent's sandbox, so that all processes see the
/// mount.
/// </summary>
internal static class PrepareCommand
{
    public static int Run(string path)
    {
        using var ports = new DataPlaneNamespace(AgentConfigReader.Load(path).PortNamespace);
        return ports.Use((_, _) => 0);
    }
}

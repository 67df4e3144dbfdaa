using ACCOffload.HostStub.Configuration;
using ACCOffload.HostStub.Devices;

namespace ACCOffload.HostStub.Cli;

/// <summary>`host-stub prepare`: makes the ports' namespace. The agent's unit runs it outside of the sandbox, where a mount made is seen by all.</summary>
internal static class PrepareCommand
{
    public static int Run(string path)
    {
        using var ports = new DataPlaneNamespace(AgentConfigReader.Load(path).PortNamespace);
        return ports.Use((_, _) => 0);
    }
}

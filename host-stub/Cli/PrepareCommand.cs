using ACCOffload.HostStub.Configuration;
using ACCOffload.HostStub.Devices;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.HostStub.Cli;

/// <summary>
/// `host-stub prepare`: creates the ports' namespace. A systemd unit runs it outside the agent's sandbox, so that all processes see the
/// mount.
/// </summary>
internal static class PrepareCommand
{
    public static int Run(string path)
    {
        try
        {
            using var ports = new DataPlaneNamespace(AgentConfigReader.Load(path).PortNamespace);
            return ports.Use((_, _) => 0);
        }
        catch (LinuxException e)
        {
            Console.Error.WriteLine($"host-stub: {e.Message}{(e.Errno is Errno.EPERM or Errno.EACCES ? "; run it as root" : "")}");
            return 1;
        }
    }
}

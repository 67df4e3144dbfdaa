using ACCOffload.Integration.Lab;

namespace ACCOffload.Sandbox.Tests.Machine;

/// <summary>Skipped, by name, where no machine can be booted.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class MachineFactAttribute : FactAttribute
{
    private static readonly Lazy<string?> Missing = new(Find);

    /// <summary>Names what is missing.</summary>
    public MachineFactAttribute() => Skip = Missing.Value;

    private static string? Find()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            return "needs root";
        }

        if (!File.Exists("/usr/bin/systemd-nspawn"))
        {
            return "needs systemd-container";
        }

        if (!File.Exists("/usr/bin/mmdebstrap"))
        {
            return "needs mmdebstrap";
        }

        if (!File.Exists(Published.InfraManager) || !File.Exists(Published.HostStub))
        {
            return "needs the published binaries: run 'make publish'";
        }

        return ControlGroups.Missing();
    }
}

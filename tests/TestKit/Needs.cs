namespace ACCOffload.TestKit;

/// <summary>
/// What a test needs from the machine, asked at the start of the test or of its class. Each method returns if it is there, and otherwise
/// skips the test with a reason that names what is missing.
/// </summary>
public static class Needs
{
    /// <summary>Where Debian's package containernetworking-plugins puts the plugins.</summary>
    public const string CniPluginFolder = "/usr/lib/cni";

    private static readonly string[] ProgramFolders = ["/usr/bin", "/usr/sbin", "/bin", "/sbin"];

    /// <summary>Skips the test for a reason; null: runs it.</summary>
    public static void NotMissing(string? missing) => Assert.SkipWhen(missing is not null, missing ?? "");

    /// <summary>Namespaces, links, raw sockets, mounts.</summary>
    public static void Root() => NotMissing(Environment.IsPrivilegedProcess ? null : "needs root");

    /// <summary>A lab: root, and inframanager as 'make publish' builds it.</summary>
    public static void Lab()
    {
        Root();
        NotMissing(File.Exists(Published.InfraManager)
            ? null
            : $"needs the published binaries: run 'make publish' ({Published.InfraManager} is missing)");
    }

    /// <summary>TAP links.</summary>
    public static void Tap()
    {
        Root();
        NotMissing(File.Exists("/dev/net/tun") ? null : "needs /dev/net/tun (module tun)");
    }

    /// <summary>ipvlan links.</summary>
    public static void Ipvlan() => NotMissing(IpvlanKernel.Missing);

    /// <summary>Debian's CNI plugins of these names; portmap and firewall call iptables.</summary>
    public static void CniPlugins(params string[] plugins)
    {
        Root();
        var missing = string.Join(", ", plugins.Where(p => !File.Exists(Path.Combine(CniPluginFolder, p))));
        NotMissing(missing.Length > 0 ? $"needs {missing} in {CniPluginFolder} (containernetworking-plugins)" : null);
        if (plugins.Any(p => p is "portmap" or "firewall"))
        {
            Program("iptables", "iptables");
        }
    }

    /// <summary>Loop devices.</summary>
    public static void LoopDevices()
    {
        Root();
        NotMissing(File.Exists("/dev/loop-control") ? null : "needs loop devices (/dev/loop-control is missing)");
    }

    /// <summary>A program of one of Debian's packages.</summary>
    public static void Program(string name, string package) =>
        NotMissing(ProgramFolders.Any(f => File.Exists(Path.Combine(f, name))) ? null : $"needs {name} (package {package})");
}

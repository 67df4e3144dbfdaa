namespace ACCOffload.TestKit;

/// <summary>
/// Prerequisites of a test, checked at the start of the test or of its class. Each method returns if the prerequisite is met; otherwise
/// it skips the test with a reason that names what is missing.
/// </summary>
public static class Needs
{
    /// <summary>The plugin folder of Debian's package containernetworking-plugins.</summary>
    public const string CniPluginFolder = "/usr/lib/cni";

    private static readonly string[] ProgramFolders = ["/usr/bin", "/usr/sbin", "/bin", "/sbin"];

    /// <summary>Skips the test for the given reason; null runs it.</summary>
    public static void NotMissing(string? missing) => Assert.SkipWhen(missing is not null, missing ?? "");

    /// <summary>Root, for namespaces, links, raw sockets and mounts.</summary>
    public static void Root() => NotMissing(Environment.IsPrivilegedProcess ? null : "needs root");

    /// <summary>Root and the published binaries, for a lab.</summary>
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
    public static void Ipvlan() => NotMissing(IpvlanSupport.Missing);

    /// <summary>Some of Debian's CNI plugins; portmap and firewall also need iptables.</summary>
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

    /// <summary>A program from a Debian package.</summary>
    public static void Program(string name, string package) =>
        NotMissing(ProgramFolders.Any(f => File.Exists(Path.Combine(f, name))) ? null : $"needs {name} (package {package})");
}

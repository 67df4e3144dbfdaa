using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.InfraManager.Uplink;

/// <summary>
/// Settings of the exception interface's whole namespace (ip-sysctl of the kernel). They have no netlink interface, so only a process that
/// sees /proc/sys can set them: inframanager prepare, or a service without a sandbox.
/// </summary>
internal static class NamespaceSettings
{
    private const string Root = "/proc/sys/net";

    // The first one resets others to the defaults of a router.
    private static readonly (string File, string Value)[] IPv4 =
    [
        ("ipv4/ip_forward", "1"),
        ("ipv4/conf/all/rp_filter", "0"),
        ("ipv4/conf/all/send_redirects", "0"),
        ("ipv4/conf/all/accept_redirects", "0"),
        ("ipv4/conf/default/forwarding", "1"),
        ("ipv4/conf/default/rp_filter", "0"),
        ("ipv4/conf/default/accept_local", "1"),
        ("ipv4/conf/default/arp_ignore", "1"),
        ("ipv4/conf/default/arp_announce", "2"),
        ("ipv4/conf/default/send_redirects", "0"),
        ("ipv4/conf/default/accept_redirects", "0"),
    ];

    private static readonly (string File, string Value)[] IPv6 =
    [
        ("ipv6/conf/all/accept_ra", "0"),
        ("ipv6/conf/all/accept_redirects", "0"),
        ("ipv6/conf/default/accept_ra", "0"),
        ("ipv6/conf/default/accept_redirects", "0"),
    ];

    /// <summary>Sets what differs.</summary>
    /// <param name="ns">The namespace.</param>
    /// <param name="link">The exception interface; null if it does not exist yet.</param>
    /// <param name="forwardsIPv6">Whether the namespace forwards IPv6, too.</param>
    /// <returns>What is not as it has to be, in one line; empty if nothing, or if this process does not see the settings.</returns>
    /// <exception cref="LinuxException">The namespace cannot be entered.</exception>
    public static string Apply(NetNamespace ns, string? link, bool forwardsIPv6)
    {
        List<(string File, string Value)> wanted = [.. IPv4, .. IPv6];
        if (forwardsIPv6)
        {
            wanted.Add(("ipv6/conf/all/forwarding", "1"));
        }

        if (link is not null)
        {
            wanted.Add(($"ipv6/conf/{link}/accept_ra", "0"));
            wanted.Add(($"ipv6/conf/{link}/accept_redirects", "0"));
            // A neighbour that does not answer at its old MAC address is asked for its new one before it counts as gone.
            wanted.Add(($"ipv4/neigh/{link}/mcast_resolicit", "3"));
            wanted.Add(($"ipv6/neigh/{link}/mcast_resolicit", "3"));
        }

        // /proc/sys/net shows the settings of the calling thread's namespace.
        return ns.Run(() => Apply(wanted)) is { Length: > 0 } problem ? $"{ns.Path}: {problem}" : "";
    }

    private static string Apply(List<(string File, string Value)> wanted)
    {
        var problem = "";
        foreach (var (file, value) in wanted)
        {
            var path = Path.Combine(Root, file);
            try
            {
                if (File.ReadAllText(path).AsSpan().Trim() is var found && !found.SequenceEqual(value))
                {
                    var name = file.Replace('/', '.');
                    problem = $"net.{name} is {found}, not {value}";
                    File.WriteAllText(path, value);
                    problem = "";
                }
            }
            catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
            {
                // The kernel has no IPv6, or /proc/sys is hidden.
                continue;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return $"{(problem.Length > 0 ? problem : path)}: {e.Message.ReplaceLineEndings(" ")}";
            }
        }

        return problem;
    }
}

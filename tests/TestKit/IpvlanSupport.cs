using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.TestKit;

/// <summary>Whether the kernel supports ipvlan. Probed once with a link in an unnamed namespace, which leaves nothing behind.</summary>
public static class IpvlanSupport
{
    private static readonly Lazy<bool> Present = new(Probe);

    /// <summary>Why tests that create ipvlan links are skipped; null if ipvlan is available.</summary>
    public static string? Missing =>
        !Environment.IsPrivilegedProcess ? "needs root" : Present.Value ? null : "needs ipvlan in the kernel (module ipvlan)";

    private static bool Probe()
    {
        try
        {
            using var ns = NetNamespace.CreateNameless();
            using var links = RouteNetlink.Open(ns);
            var parent = links.CreateVeth(new VethSpec { Name = "parent", PeerName = "peer" })!;
            return links.CreateIpvlan(new IpvlanSpec { Name = "ipv", Parent = parent.Index }) is not null;
        }
        catch (NetlinkException e) when (e.Errno == Errno.EOPNOTSUPP)
        {
            return false;
        }
        catch (Exception e) when (e is LinuxException or NetlinkException)
        {
            // Inconclusive: let the test run and report the error.
            return true;
        }
    }
}

using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.HostStub.Devices;

/// <summary>Devices that are entirely inside the pods' namespaces, identified by the claim's namespace, interface and MAC.</summary>
internal static class PodDevices
{
    /// <summary>
    /// Runs code on the attachment's interface, unless the namespace or the interface is gone or belongs to another attachment by now.
    /// </summary>
    /// <returns>Whether the interface was there.</returns>
    /// <exception cref="CniException">Error 8: the namespace may exist but can't be opened.</exception>
    /// <exception cref="LinuxException">The kernel refused to report the interface, or an operation of <paramref name="code"/>.</exception>
    public static bool TryUse(Claim claim, Action<PodNetwork, LinkInfo> code)
    {
        if (claim.NetNs.Length == 0)
        {
            return false;
        }

        PodNetwork pod;
        try
        {
            pod = PodNetwork.Open(claim.NetNs, claim.Key.InterfaceName, allowHost: false);
        }
        catch (CniException) when (IsPodGone(claim))
        {
            return false;
        }
        using (pod)
        {
            if (pod.Find() is not { } link || link.Mac != claim.Mac)
            {
                return false;
            }

            code(pod, link);
            return true;
        }
    }

    /// <summary>
    /// As <see cref="TryUse"/>, for a DEL: a path that exists but is not a namespace, as left behind by an unmount, counts as having no
    /// interface. Without a DEL, such a path proves nothing, because the mount may be invisible to this process.
    /// </summary>
    /// <exception cref="CniException">Error 8: the namespace may exist but can't be opened.</exception>
    /// <exception cref="LinuxException">The kernel refused to report the interface, or an operation of <paramref name="code"/>.</exception>
    public static void UseForRemoval(Claim claim, Action<PodNetwork, LinkInfo> code)
    {
        try
        {
            TryUse(claim, code);
        }
        catch (CniException) when (IsNoNamespace(claim.NetNs))
        {
            // Nothing to remove.
        }
    }

    /// <summary>The claims whose interface exists, or whose namespace can't be opened: a failed check does not prove absence.</summary>
    public static IReadOnlySet<AttachmentKey> Present(IReadOnlyList<Claim> claims) =>
        claims.Where(IsPresent).Select(c => c.Key).ToHashSet();

    /// <summary>
    /// The candidates whose interface is found, by its name, its MAC and its alias if it has one, in one of the host's named namespaces.
    /// All these namespaces are searched, because only the lost database had the namespace of each pod.
    /// </summary>
    /// <param name="candidates">Attachments that the ACC holds.</param>
    /// <param name="complete">Completes a claim with the namespace's path and the link that were found; null when the device can't be
    /// identified.</param>
    /// <exception cref="LinuxException">A namespace can't be read, so its content is unknown.</exception>
    public static IReadOnlyList<Claim> FindAttached(IReadOnlyList<Claim> candidates, Func<Claim, string, LinkInfo, Claim?> complete)
    {
        var unmatched = candidates.ToLookup(c => (c.Key.InterfaceName, c.Mac));
        var found = new Dictionary<AttachmentKey, Claim>();
        var directory = Path.GetDirectoryName(NetNamespace.NamedPath("x"))!;
        foreach (var path in Directory.Exists(directory) ? Directory.GetFiles(directory) : [])
        {
            foreach (var link in LinksIn(path))
            {
                foreach (var claim in unmatched[(link.Name, link.Mac)].Where(
                    c => string.IsNullOrEmpty(link.Alias) || link.Alias == PortName.Alias(c.Key)))
                {
                    if (complete(claim, path, link) is { } completed)
                    {
                        found.TryAdd(claim.Key, completed);
                    }
                }
            }
        }
        return [.. found.Values];
    }

    /// <summary>True when the pod's namespace no longer exists; false if the check fails, because the pod may be alive.</summary>
    public static bool IsPodGone(Claim claim)
    {
        try
        {
            using var pod = NetNamespace.Open(claim.NetNs);
            // A path below /proc may belong to another process by now.
            using var own = NetNamespace.OpenCurrent();
            return pod.IsSameAs(own);
        }
        catch (LinuxException e)
        {
            return e.Errno is Errno.ENOENT or Errno.ENOTDIR or Errno.ESRCH;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    /// <summary>True when the namespace exists and the interface does not: the pod is alive but lost its device.</summary>
    public static bool HasLostDevice(Claim claim)
    {
        try
        {
            using var pod = PodNetwork.Open(claim.NetNs, claim.Key.InterfaceName, allowHost: false);
            return pod.Find() is null;
        }
        catch (CniException)
        {
            return false;
        }
    }

    private static bool IsPresent(Claim claim)
    {
        try
        {
            return TryUse(claim, static (_, _) => { });
        }
        catch (Exception e) when (e is CniException or LinuxException)
        {
            return true;
        }
    }

    /// <summary>True when the path exists and is not a network namespace, as after an unmount.</summary>
    public static bool IsNoNamespace(string path)
    {
        try
        {
            NetNamespace.Open(path).Dispose();
            return false;
        }
        catch (LinuxException e)
        {
            return e.Errno == Errno.EINVAL;
        }
    }

    private static IReadOnlyList<LinkInfo> LinksIn(string path)
    {
        try
        {
            using var ns = NetNamespace.Open(path);
            using var links = RouteNetlink.Open(ns);
            return links.GetLinks();
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ENOTTY or Errno.EINVAL)
        {
            // Just removed, or not a network namespace.
            return [];
        }
    }
}

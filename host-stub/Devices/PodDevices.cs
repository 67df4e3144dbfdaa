using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.HostStub.Devices;

/// <summary>Devices that are wholly in the pods' namespaces: found by the claim's namespace, interface and MAC.</summary>
internal static class PodDevices
{
    /// <summary>Runs code on the attachment's interface; not at all when the namespace or the interface is gone, or is somebody else's by now.</summary>
    /// <returns>Whether the interface was there.</returns>
    /// <exception cref="CniException">Error 8: the namespace may be there but can't be looked into.</exception>
    /// <exception cref="LinuxException">The kernel refused to tell of the interface, or what <paramref name="code"/> did.</exception>
    public static bool With(Claim claim, Action<PodNetwork, LinkInfo> code)
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
    /// As <see cref="With"/>, for a DEL: a path that is there and is no namespace, as an unmounted one leaves it, has no interface either. Without a DEL
    /// that is no proof, because a mount may not reach this process.
    /// </summary>
    /// <exception cref="CniException">Error 8: the namespace may be there but can't be looked into.</exception>
    /// <exception cref="LinuxException">The kernel refused to tell of the interface, or what <paramref name="code"/> did.</exception>
    public static void ForRemoval(Claim claim, Action<PodNetwork, LinkInfo> code)
    {
        try
        {
            With(claim, code);
        }
        catch (CniException) when (IsNoNamespace(claim.NetNs))
        {
            // Nothing to remove.
        }
    }

    private static bool IsNoNamespace(string path)
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

    /// <summary>Those whose interface is there, or whose namespace can't be looked into: what can't be seen is not taken to be gone.</summary>
    public static IReadOnlySet<AttachmentKey> Present(IReadOnlyList<Claim> claims) => claims.Where(IsPresent).Select(c => c.Key).ToHashSet();

    private static bool IsPresent(Claim claim)
    {
        try
        {
            return With(claim, static (_, _) => { });
        }
        catch (Exception e) when (e is CniException or LinuxException)
        {
            return true;
        }
    }

    /// <summary>True when the pod's namespace is not there any more. A failure to look is none: then it may live.</summary>
    public static bool IsPodGone(Claim claim)
    {
        try
        {
            using var pod = NetNamespace.Open(claim.NetNs);
            // A path below /proc may be another process's by now.
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

    /// <summary>True while the namespace is there and the interface is not: the pod lives without it.</summary>
    public static bool IsBereft(Claim claim)
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
}

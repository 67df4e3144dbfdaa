using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Ethtool;

/// <summary>Offload features and queues of a link (the ethtool ioctl).</summary>
public static partial class EthtoolSettings
{
    /// <summary>
    /// Disables the features that let a packet leave the link with an incomplete checksum or larger than the MTU: checksum and segmentation
    /// offloads on send, aggregation on receive. In the calling thread's namespace.
    /// </summary>
    /// <param name="interfaceName">The link.</param>
    /// <exception cref="LinuxException">There is no such link (ENODEV), or the process lacks the privilege (EPERM).</exception>
    public static void DisableOffloads(string interfaceName)
    {
        InterfaceName.Checked(interfaceName);
        using var socket = OpenSocket();
        DisableOffloads(socket, interfaceName);
    }

    /// <summary>As <see cref="DisableOffloads(string)"/>, in another namespace.</summary>
    public static void DisableOffloads(NetNamespace ns, string interfaceName)
    {
        ArgumentNullException.ThrowIfNull(ns);
        ns.Run(() => DisableOffloads(interfaceName));
    }

    /// <summary>As <see cref="DisableOffloads(string)"/>, in the namespace of a socket, which can be of any kind.</summary>
    internal static void DisableOffloads(FileDescriptor socket, string interfaceName) => Disable(socket, interfaceName);

    /// <summary>The active features of a link in the calling thread's namespace, by the kernel's names.</summary>
    /// <exception cref="LinuxException">There is no such link (ENODEV).</exception>
    public static IReadOnlyList<string> GetActiveFeatures(string interfaceName) =>
        Active(InterfaceName.Checked(interfaceName));
}

using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Ethtool;

/// <summary>A link's offload switches (the ethtool ioctl).</summary>
public static partial class EthtoolSettings
{
    /// <summary>Turns off what would let a packet leave the link unfinished or larger than the MTU: checksum and segmentation offloads of the sender, aggregation of the receiver. In the calling thread's namespace.</summary>
    /// <param name="interfaceName">The link.</param>
    /// <exception cref="LinuxException">There is no such link (ENODEV), or the process may not (EPERM).</exception>
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

    /// <summary>As <see cref="DisableOffloads(string)"/>, in the namespace of a socket: the kernel takes the request on a socket of any kind.</summary>
    internal static void DisableOffloads(FileDescriptor socket, string interfaceName) => Disable(socket, interfaceName);

    /// <summary>Names of the features that are on (as `ethtool -k` writes them in the kernel's own spelling), in the calling thread's namespace.</summary>
    /// <exception cref="LinuxException">There is no such link (ENODEV).</exception>
    public static IReadOnlyList<string> GetActiveFeatures(string interfaceName) => Active(InterfaceName.Checked(interfaceName, nameof(interfaceName)));
}

using ACCOffload.HostStub.Cni;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.HostStub.Devices;

/// <summary>
/// The device is no longer in a pod, but not back on the host either: its namespace is being destroyed, or something keeps the namespace
/// alive. The agent looks for the device again later.
/// </summary>
internal sealed class DeviceNotReturnedException(string device) : Exception($"{device} is not back yet");

/// <summary>
/// Distinguishes a device's own failure from one that the request, the pod or this machine caused. Only the former quarantines a device.
/// </summary>
internal static class DeviceFault
{
    /// <summary>True when another device might have succeeded.</summary>
    public static bool IsDeviceAtFault(Exception e) => e switch
    {
        // A problem that the device kind found; other codes blame the request or the pod.
        CniException cni => cni.Code == (int)CniErrorCode.TryAgainLater,
        // EEXIST means that the name is taken in the pod. If the machine lacks a resource or permission, no other device would succeed.
        LinuxException linux => linux.Errno is not (
            Errno.EEXIST or Errno.EPERM or Errno.EACCES or Errno.EMFILE or Errno.ENOMEM or Errno.ENOBUFS or Errno.EINTR
            or Errno.EAFNOSUPPORT),
        _ => true,
    };
}

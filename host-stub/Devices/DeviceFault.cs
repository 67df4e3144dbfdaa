using ACCOffload.HostStub.Cni;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.HostStub.Devices;

/// <summary>
/// The device is with no pod, but not back on the host either: its namespace is just ending, or something keeps that alive. The agent looks
/// for it again.
/// </summary>
internal sealed class DeviceNotReturnedException(string device) : Exception($"{device} is not back yet");

/// <summary>
/// Tells a device's own failure from one that the request, the pod or this machine caused: only the former quarantines a device.
/// </summary>
internal static class DeviceFault
{
    /// <summary>True when another device might have succeeded.</summary>
    public static bool IsOfDevice(Exception e) => e switch
    {
        // A device kind's own finding; other codes blame the request or the pod.
        CniException cni => cni.Code == (int)CniErrorCode.TryAgainLater,
        // What already exists, exists in the pod; a resource or permission that the machine lacks is lacking for every device.
        LinuxException linux => linux.Errno is not (
            Errno.EEXIST or Errno.EPERM or Errno.EACCES or Errno.EMFILE or Errno.ENOMEM or Errno.ENOBUFS or Errno.EINTR
            or Errno.EAFNOSUPPORT),
        _ => true,
    };
}

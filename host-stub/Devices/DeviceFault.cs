using ACCOffload.HostStub.Cni;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.HostStub.Devices;

/// <summary>Tells a device's own failure from what the request, the pod or this machine did wrong: only the first sets a device aside.</summary>
internal static class DeviceFault
{
    /// <summary>True when another device may do better than this one.</summary>
    public static bool IsOfDevice(Exception e) => e switch
    {
        // A device kind's own finding; other codes blame the request or the pod.
        CniException cni => cni.Code == (int)CniErrorCode.TryAgainLater,
        // What exists already exists in the pod; and what the machine lacks, every device lacks.
        LinuxException linux => linux.Errno is not (Errno.EEXIST or Errno.EPERM or Errno.EACCES or Errno.EMFILE or Errno.ENOMEM or Errno.ENOBUFS or Errno.EINTR or Errno.EAFNOSUPPORT),
        _ => true,
    };
}

using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Netlink;

/// <summary>A transport that notifications come from.</summary>
internal interface INetlinkSubscription : INetlinkTransport
{
    /// <summary>Ready for <see cref="EpollEvents.Read"/> while something can be received.</summary>
    FileDescriptor Handle { get; }
}

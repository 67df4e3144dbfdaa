using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Netlink;

/// <summary>Where netlink sockets come from: a namespace of the kernel, or a fake kernel in tests. Every one throws <see cref="LinuxException"/>.</summary>
internal interface INetlinkSockets : IDisposable
{
    /// <summary>Carries rtnetlink requests.</summary>
    INetlinkTransport OpenRoute();

    /// <summary>Tells of links.</summary>
    INetlinkSubscription SubscribeToLinks();

    /// <summary>Carries generic netlink requests.</summary>
    INetlinkTransport OpenGeneric();

    /// <summary>Tells what a multicast group of a generic netlink family says.</summary>
    INetlinkSubscription SubscribeToGeneric(uint group, string operation);
}

using ACCOffload.Fuzz.Tests.Engine;

namespace ACCOffload.Fuzz.Tests;

internal static class FuzzTargets
{
    public static IReadOnlyList<FuzzTarget> All { get; } =
    [
        new Rpc.OffloadTarget(wire: true),
        new Rpc.OffloadTarget(wire: false),
        new Rpc.InfraTarget(wire: true),
        new Rpc.InfraTarget(wire: false),
        new Server.ConnectionTarget(),
        new Server.RequestTarget(),
        new Cni.StdinTarget(),
        new Frames.FrameTarget(),
        new Frames.SocketTarget(),
        new Netlink.ReplyTarget(),
        new Netlink.DevlinkTarget(),
        new P4.StreamTarget(),
        new P4.WriteTarget(),
        new P4.ReadTarget(),
        new P4.ConfigTarget(),
        new P4.GnmiTarget(),
        new P4.RequestTarget(),
        new Felix.FelixTarget(),
        new Spec.SpecTarget(),
        // Creates namespaces and links.
        .. Environment.IsPrivilegedProcess ? (ReadOnlySpan<FuzzTarget>)[new Verbs.VerbTarget()] : [],
    ];
}

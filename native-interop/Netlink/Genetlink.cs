using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Netlink;

/// <summary>A generic netlink family as the kernel's controller describes it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Id">The message type of its requests and answers.</param>
/// <param name="Version">Its version.</param>
/// <param name="Groups">The numbers of its multicast groups by their names.</param>
internal sealed record GenetlinkFamily(string Name, ushort Id, uint Version, IReadOnlyDictionary<string, uint> Groups);

/// <summary>Generic netlink: one socket for the families that a kernel has, whose numbers its controller tells (linux/genetlink.h).</summary>
internal sealed class Genetlink(NetlinkConnection connection) : IDisposable
{
    /// <summary>Executes the families' requests.</summary>
    public NetlinkConnection Connection => connection;

    /// <summary>Finds a family; the kernel loads its module if there is one.</summary>
    /// <returns>Null if the kernel has none of that name.</returns>
    public GenetlinkFamily? FindFamily(string name, string operation)
    {
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], GenetlinkCodec.Controller, 0);
        writer.Body(new GenetlinkCodec.Header { Command = GenetlinkCodec.GetFamily, Version = GenetlinkCodec.ControllerVersion });
        writer.Text(GenetlinkCodec.FamilyName, name);
        GenetlinkFamily? found = null;
        var there = connection.TryExecute(writer.Complete(operation), operation, Errno.ENOENT, (in NetlinkMessage message) =>
        {
            if (GenetlinkCodec.Parse(message, out var family) && family.Name == name)
            {
                found = family;
            }
        });
        return there ? found ?? throw NetlinkException.Malformed(operation, "the kernel acknowledged without an answer") : null;
    }

    public void Dispose() => connection.Dispose();
}

using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Netlink;

/// <summary>A generic netlink family, as described by the kernel's controller.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Id">The message type of its requests and answers.</param>
/// <param name="Version">Its version.</param>
/// <param name="Groups">The numbers of its multicast groups by their names.</param>
internal sealed record GenetlinkFamily(string Name, ushort Id, uint Version, IReadOnlyDictionary<string, uint> Groups);

/// <summary>Generic netlink: one socket for all families; their ids come from the controller (linux/genetlink.h).</summary>
internal sealed class Genetlink(NetlinkConnection connection) : IDisposable
{
    /// <summary>Executes requests to the families.</summary>
    public NetlinkConnection Connection => connection;

    /// <summary>Finds a family; the kernel loads its module if there is one.</summary>
    /// <returns>Null if the kernel has no family of that name.</returns>
    public GenetlinkFamily? FindFamily(string name, string operation)
    {
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], GenetlinkCodec.GENL_ID_CTRL, 0);
        writer.Body(new GenetlinkCodec.Header { Command = GenetlinkCodec.CTRL_CMD_GETFAMILY, Version = GenetlinkCodec.ControllerVersion });
        writer.Text(GenetlinkCodec.CTRL_ATTR_FAMILY_NAME, name);
        GenetlinkFamily? found = null;
        var there = connection.TryExecute(writer.Complete(operation), operation, Errno.ENOENT, (in NetlinkMessage message) =>
        {
            if (GenetlinkCodec.Parse(message, out var family) && family.Name == name)
            {
                found = family;
            }
        });
        return there ? found ?? throw NetlinkException.Malformed(operation, "the kernel acknowledged the request but sent no answer")
            : null;
    }

    public void Dispose() => connection.Dispose();
}

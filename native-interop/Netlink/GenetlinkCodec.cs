using System.Runtime.InteropServices;

namespace ACCOffload.NativeInterop.Netlink;

/// <summary>Constants and structures of linux/genetlink.h, and parsing of the controller's answers.</summary>
internal static class GenetlinkCodec
{
    public const ushort GENL_ID_CTRL = 0x10;
    public const byte ControllerVersion = 2;
    public const byte CTRL_CMD_NEWFAMILY = 1;
    public const byte CTRL_CMD_GETFAMILY = 3;

    public const ushort CTRL_ATTR_FAMILY_ID = 1;
    public const ushort CTRL_ATTR_FAMILY_NAME = 2;
    public const ushort CTRL_ATTR_VERSION = 3;
    public const ushort CTRL_ATTR_MCAST_GROUPS = 7;
    public const ushort CTRL_ATTR_MCAST_GRP_NAME = 1;
    public const ushort CTRL_ATTR_MCAST_GRP_ID = 2;

    private const string Malformed = "the kernel's description of a generic netlink family is malformed";

    /// <summary>struct genlmsghdr.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Header
    {
        public byte Command;
        public byte Version;
        public ushort Reserved;
    }

    public static bool Parse(in NetlinkMessage message, out GenetlinkFamily family)
    {
        family = null!;
        if (message.Type != GENL_ID_CTRL)
        {
            return false;
        }

        if (!message.TryRead<Header>(out var header, out var attributes))
        {
            throw NetlinkException.Malformed("read a generic netlink family", Malformed);
        }

        if (header.Command != CTRL_CMD_NEWFAMILY)
        {
            return false;
        }

        string? name = null;
        ushort id = 0;
        uint version = 0;
        var groups = new Dictionary<string, uint>(StringComparer.Ordinal);
        while (attributes.MoveNext())
        {
            switch (attributes.Type)
            {
                case CTRL_ATTR_FAMILY_ID:
                    id = attributes.Number<ushort>();
                    break;
                case CTRL_ATTR_FAMILY_NAME:
                    name = attributes.Text();
                    break;
                case CTRL_ATTR_VERSION:
                    version = attributes.Number<uint>();
                    break;
                case CTRL_ATTR_MCAST_GROUPS:
                    var list = attributes.Nested();
                    while (list.MoveNext())
                    {
                        var group = list.Nested();
                        ReadGroup(ref group, groups);
                        list.Absorb(group);
                    }
                    attributes.Absorb(list);
                    break;
            }
        }
        // Ids below GENL_ID_CTRL are netlink control messages.
        if (attributes.Failed || string.IsNullOrEmpty(name) || id < GENL_ID_CTRL)
        {
            throw NetlinkException.Malformed("read a generic netlink family", Malformed);
        }

        family = new GenetlinkFamily(name, id, version, groups);
        return true;
    }

    private static void ReadGroup(ref AttributeReader attributes, Dictionary<string, uint> groups)
    {
        string? name = null;
        uint id = 0;
        while (attributes.MoveNext())
        {
            if (attributes.Type == CTRL_ATTR_MCAST_GRP_NAME)
            {
                name = attributes.Text();
            }
            else if (attributes.Type == CTRL_ATTR_MCAST_GRP_ID)
            {
                id = attributes.Number<uint>();
            }
        }
        if (!attributes.Failed && !string.IsNullOrEmpty(name) && id is > 0 and <= int.MaxValue)
        {
            groups[name] = id;
        }
    }
}

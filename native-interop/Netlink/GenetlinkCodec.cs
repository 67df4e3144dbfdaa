using System.Runtime.InteropServices;

namespace ACCOffload.NativeInterop.Netlink;

/// <summary>Numbers and structures of linux/genetlink.h, and what the controller says.</summary>
internal static class GenetlinkCodec
{
    public const ushort Controller = 0x10;
    public const byte ControllerVersion = 2;
    public const byte NewFamily = 1;
    public const byte GetFamily = 3;

    public const ushort FamilyId = 1;
    public const ushort FamilyName = 2;
    public const ushort FamilyVersion = 3;
    public const ushort MulticastGroups = 7;
    public const ushort MulticastGroupName = 1;
    public const ushort MulticastGroupId = 2;

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
        if (message.Type != Controller)
        {
            return false;
        }

        if (!message.TryRead<Header>(out var header, out var attributes))
        {
            throw NetlinkException.Malformed("read a generic netlink family", Malformed);
        }

        if (header.Command != NewFamily)
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
                case FamilyId:
                    id = attributes.Number<ushort>();
                    break;
                case FamilyName:
                    name = attributes.Text();
                    break;
                case FamilyVersion:
                    version = attributes.Number<uint>();
                    break;
                case MulticastGroups:
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
        // Below the controller's own are the numbers of netlink's control messages.
        if (attributes.Failed || string.IsNullOrEmpty(name) || id < Controller)
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
            if (attributes.Type == MulticastGroupName)
            {
                name = attributes.Text();
            }
            else if (attributes.Type == MulticastGroupId)
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

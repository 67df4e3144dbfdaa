using System.Runtime.InteropServices;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Routing;

/// <content>IPv4 settings of links. By netlink, because /proc/sys is read-only or hidden for a sandboxed service.</content>
public sealed partial class RouteNetlink
{
    /// <summary>Reads a link's IPv4 settings, by <see cref="IPv4Setting"/>.</summary>
    /// <returns>Null if there is no such link.</returns>
    public IReadOnlyDictionary<IPv4Setting, int>? GetIPv4Settings(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(index);
        var operation = $"read the IPv4 settings of link {index}";
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], Rtnetlink.RTM_GETLINK, 0);
        writer.Body(new Rtnetlink.LinkMessage { Index = index });
        writer.Number(Rtnetlink.IFLA_EXT_MASK, Rtnetlink.RTEXT_FILTER_SKIP_STATS);
        var settings = new Dictionary<IPv4Setting, int>();
        var there = _connection.TryExecute(writer.Complete(operation), operation, Errno.ENODEV, (in NetlinkMessage message) =>
        {
            if (message.Type == Rtnetlink.RTM_NEWLINK)
            {
                ReadIPv4Settings(message, operation, settings);
            }
        });
        return there ? settings : null;
    }

    /// <summary>Changes a link's IPv4 settings.</summary>
    /// <exception cref="NetlinkException">There is no such link (ENODEV), or it has no IPv4 (EAFNOSUPPORT).</exception>
    public void SetIPv4Settings(int index, params ReadOnlySpan<(IPv4Setting Setting, int Value)> settings)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(index);
        var operation = $"change IPv4 settings of link {index}";
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], Rtnetlink.RTM_NEWLINK, 0);
        writer.Body(new Rtnetlink.LinkMessage { Index = index });
        var families = writer.Begin(Rtnetlink.IFLA_AF_SPEC);
        var inet = writer.Begin(Libc.AF_INET);
        var values = writer.Begin(Rtnetlink.IFLA_INET_CONF);
        foreach (var (setting, value) in settings)
        {
            writer.Number((ushort)setting, value);
        }

        writer.End(values);
        writer.End(inet);
        writer.End(families);
        _connection.Execute(writer.Complete(operation), operation);
    }

    private static void ReadIPv4Settings(in NetlinkMessage message, string operation, Dictionary<IPv4Setting, int> settings)
    {
        if (!message.TryRead<Rtnetlink.LinkMessage>(out _, out var attributes))
        {
            throw NetlinkException.Malformed(operation, "the kernel's description of a link is malformed");
        }

        while (attributes.MoveNext())
        {
            if (attributes.Type != Rtnetlink.IFLA_AF_SPEC)
            {
                continue;
            }

            var families = attributes.Nested();
            while (families.MoveNext())
            {
                if (families.Type == Libc.AF_INET)
                {
                    var inet = families.Nested();
                    ReadArray(ref inet, settings);
                    families.Absorb(inet);
                }
            }

            attributes.Absorb(families);
        }

        if (attributes.Failed)
        {
            throw NetlinkException.Malformed(operation, "the kernel's description of a link's settings is malformed");
        }
    }

    // The answer has all settings as an array that starts with number 1, unlike the request.
    private static void ReadArray(ref AttributeReader inet, Dictionary<IPv4Setting, int> settings)
    {
        while (inet.MoveNext())
        {
            if (inet.Type != Rtnetlink.IFLA_INET_CONF)
            {
                continue;
            }

            var values = MemoryMarshal.Cast<byte, int>(inet.Value);
            for (var i = 0; i < values.Length; i++)
            {
                settings[(IPv4Setting)(i + 1)] = values[i];
            }
        }
    }
}

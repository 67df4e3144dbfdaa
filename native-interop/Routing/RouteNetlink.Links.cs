using System.Text;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Routing;

/// <content>Links.</content>
public sealed partial class RouteNetlink
{
    private const int MaxAliasLength = 255;
    private const int GroupMessageLength = 64;

    /// <summary>Writes what is special to a kind of link.</summary>
    private delegate void KindWriter(ref MessageWriter writer);

    public partial LinkInfo? GetLink(string name)
    {
        InterfaceName.Checked(name);
        return FindLink(0, name, $"find link {name}");
    }

    public partial LinkInfo? GetLink(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(index);
        return FindLink(index, null, $"find link {index}");
    }

    public partial IReadOnlyList<LinkInfo> GetLinks()
    {
        const string Operation = "list links";
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], Rtnetlink.GetLink, 0);
        writer.Body(default(Rtnetlink.LinkMessage));
        writer.Number(Rtnetlink.LinkExtendedMask, Rtnetlink.ExtendedMaskSkipStatistics);
        return _connection.Dump<LinkInfo>(writer.Complete(Operation), Operation, LinkCodec.Parse);
    }

    public partial LinkInfo? CreateVeth(VethSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        InterfaceName.Checked(spec.Name, nameof(spec));
        InterfaceName.Checked(spec.PeerName, nameof(spec));
        var operation = $"create veth {spec.Name} with peer {spec.PeerName}";
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], Rtnetlink.NewLink, NetlinkMessage.FlagCreate | NetlinkMessage.FlagExclusive);
        writer.Body(UpMessage(0, spec.Up ? true : null));
        WriteEnd(ref writer, spec.Name, spec.Mac, spec.Mtu, spec.Namespace);
        var info = writer.Begin(Rtnetlink.LinkInfoNest);
        writer.Text(Rtnetlink.LinkInfoKind, "veth");
        var data = writer.Begin(Rtnetlink.LinkInfoData);
        var peer = writer.Begin(Rtnetlink.VethPeer);
        writer.Body(default(Rtnetlink.LinkMessage));
        WriteEnd(ref writer, spec.PeerName, spec.PeerMac, spec.Mtu, spec.PeerNamespace);
        writer.End(peer);
        writer.End(data);
        writer.End(info);
        _connection.Execute(writer.Complete(operation), operation);
        GC.KeepAlive(spec);
        return spec.Namespace is null ? GetLink(spec.Name) : null;
    }

    public partial LinkInfo? CreateIpvlan(IpvlanSpec spec) => CreateUpper(spec, "ipvlan", static (ref writer) =>
    {
        // Layer 3 is what a link gets that does not say; then nothing of it passes the pipeline.
        writer.Number(Rtnetlink.IpvlanMode, Rtnetlink.IpvlanModeLayer2);
        writer.Number(Rtnetlink.IpvlanFlags, Rtnetlink.IpvlanFlagVepa);
    });

    public partial LinkInfo? CreateMacvlan(MacvlanSpec spec) =>
        CreateUpper(spec, "macvlan", static (ref writer) => writer.Number(Rtnetlink.MacvlanMode, Rtnetlink.MacvlanModePassthru));

    public partial bool DeleteLink(int index)
    {
        // Index 0 with nothing else would name no link, or, with a group, many.
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(index);
        var operation = $"delete link {index}";
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], Rtnetlink.DeleteLink, 0);
        writer.Body(new Rtnetlink.LinkMessage { Index = index });
        return _connection.TryExecute(writer.Complete(operation), operation, Errno.ENODEV);
    }

    public partial void DeleteLinks(IReadOnlyCollection<int> indexes, int group)
    {
        ArgumentNullException.ThrowIfNull(indexes);
        // Group 0 is where every link is that nobody put elsewhere.
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(group);
        if (indexes.Count == 0)
        {
            return;
        }

        foreach (var index in indexes)
        {
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(index, nameof(indexes));
            _ = SendGroup(Rtnetlink.NewLink, index, group, $"put link {index} into group {group}");
        }
        _ = SendGroup(Rtnetlink.DeleteLink, 0, group, $"delete the links of group {group}");
    }

    public partial void SetLink(int index, LinkChange change)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(index);
        ArgumentNullException.ThrowIfNull(change);
        var operation = change.Namespace is { } target
            ? $"move link {index} to {target.Path}{(change.Name is null ? "" : $" as {change.Name}")}"
            : $"change link {index}";
        // RTM_NEWLINK without CREATE changes a link, and unlike RTM_SETLINK takes every attribute on old kernels too.
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], Rtnetlink.NewLink, 0);
        writer.Body(UpMessage(index, change.Up));
        WriteEnd(ref writer, change.Name is null ? null : InterfaceName.Checked(change.Name, nameof(change)), change.Mac, change.Mtu, change.Namespace);
        if (change.Alias is { } alias)
        {
            var bytes = Encoding.UTF8.GetBytes(alias);
            if (bytes.Length > MaxAliasLength)
            {
                throw new ArgumentException($"an alias has at most {MaxAliasLength} bytes, not {bytes.Length}", nameof(change));
            }

            writer.Bytes(Rtnetlink.LinkAlias, bytes);
        }
        _connection.Execute(writer.Complete(operation), operation);
        GC.KeepAlive(change);
    }

    public partial void MoveToNamespace(int index, NetNamespace ns, string? newName)
    {
        ArgumentNullException.ThrowIfNull(ns);
        if (newName is not null)
        {
            // The kernel moves first and renames then: a name that is taken would leave the link there under its old one.
            using var target = Open(ns);
            if (target.GetLink(newName) is not null)
            {
                throw new NetlinkException($"move link {index} to {ns.Path} as {newName}", Errno.EEXIST, "a link of that name is there");
            }
        }
        SetLink(index, new LinkChange { Namespace = ns, Name = newName });
    }

    public partial bool RemoveAlternativeName(int index, string name)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(index);
        ArgumentException.ThrowIfNullOrEmpty(name);
        var operation = $"remove the alternative name {name} of link {index}";
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], Rtnetlink.DeleteLinkProperty, 0);
        writer.Body(new Rtnetlink.LinkMessage { Index = index });
        var properties = writer.BeginNested(Rtnetlink.LinkProperties);
        writer.Text(Rtnetlink.LinkAlternativeName, name);
        writer.End(properties);
        return _connection.TryExecute(writer.Complete(operation), operation, Errno.ENOENT);
    }

    public partial void SetIPv6AddrGenModeNone(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(index);
        var operation = $"turn IPv6 address generation of link {index} off";
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], Rtnetlink.NewLink, 0);
        writer.Body(new Rtnetlink.LinkMessage { Index = index });
        var families = writer.Begin(Rtnetlink.LinkFamilySpecific);
        var inet6 = writer.Begin(Libc.FamilyInet6);
        writer.Number(Rtnetlink.Inet6AddressGenerationMode, Rtnetlink.AddressGenerationNone);
        writer.End(inet6);
        writer.End(families);
        // EAFNOSUPPORT: no IPv6 on this link, so no address comes up by itself.
        _ = _connection.TryExecute(writer.Complete(operation), operation, Errno.EAFNOSUPPORT);
    }

    private LinkInfo? CreateUpper(UpperLinkSpec spec, string kind, KindWriter writeData)
    {
        ArgumentNullException.ThrowIfNull(spec);
        InterfaceName.Checked(spec.Name, nameof(spec));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(spec.Parent, nameof(spec));
        var operation = $"create {kind} {spec.Name} on link {spec.Parent}";
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], Rtnetlink.NewLink, NetlinkMessage.FlagCreate | NetlinkMessage.FlagExclusive);
        writer.Body(UpMessage(0, null));
        WriteEnd(ref writer, spec.Name, null, spec.Mtu, spec.Namespace);
        writer.Number(Rtnetlink.LinkLink, (uint)spec.Parent);
        var info = writer.Begin(Rtnetlink.LinkInfoNest);
        writer.Text(Rtnetlink.LinkInfoKind, kind);
        var data = writer.Begin(Rtnetlink.LinkInfoData);
        writeData(ref writer);
        writer.End(data);
        writer.End(info);
        _connection.Execute(writer.Complete(operation), operation);
        GC.KeepAlive(spec);
        return spec.Namespace is null ? GetLink(spec.Name) : null;
    }

    private static Rtnetlink.LinkMessage UpMessage(int index, bool? up) => new()
    {
        Index = index,
        Flags = up == true ? Rtnetlink.LinkFlagUp : 0,
        Change = up is null ? 0 : Rtnetlink.LinkFlagUp,
    };

    private bool SendGroup(ushort type, int index, int group, string operation)
    {
        var writer = new MessageWriter(stackalloc byte[GroupMessageLength], type, 0);
        writer.Body(new Rtnetlink.LinkMessage { Index = index });
        writer.Number(Rtnetlink.LinkGroup, (uint)group);
        return _connection.TryExecute(writer.Complete(operation), operation, Errno.ENODEV);
    }

    private static void WriteEnd(ref MessageWriter writer, string? name, MacAddress? mac, int? mtu, NetNamespace? ns)
    {
        if (name is not null)
        {
            writer.Text(Rtnetlink.LinkName, name);
        }

        if (mac is { } address)
        {
            writer.Mac(Rtnetlink.LinkAddress, address);
        }

        if (mtu is { } bytes)
        {
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytes, nameof(mtu));
            writer.Number(Rtnetlink.LinkMtu, (uint)bytes);
        }
        if (ns is not null)
        {
            writer.Descriptor(Rtnetlink.LinkNamespaceDescriptor, ns.Handle);
        }
    }

    private LinkInfo? FindLink(int index, string? name, string operation)
    {
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], Rtnetlink.GetLink, 0);
        writer.Body(new Rtnetlink.LinkMessage { Index = index });
        writer.Number(Rtnetlink.LinkExtendedMask, Rtnetlink.ExtendedMaskSkipStatistics);
        if (name is not null)
        {
            writer.Text(Rtnetlink.LinkName, name);
        }

        LinkInfo? found = null;
        var there = _connection.TryExecute(writer.Complete(operation), operation, Errno.ENODEV, (in NetlinkMessage message) =>
        {
            if (LinkCodec.Parse(message, out var link))
            {
                found = link;
            }
        });
        return there ? found ?? throw NetlinkException.Malformed(operation, "the kernel acknowledged without an answer") : null;
    }
}

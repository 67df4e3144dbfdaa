using System.Text;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Ethtool;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Routing;

/// <content>Links.</content>
public sealed partial class RouteNetlink
{
    private const int MaxAliasLength = 255;
    private const int GroupMessageLength = 64;

    /// <summary>Writes the attributes of a link kind.</summary>
    private delegate void KindWriter(ref MessageWriter writer);

    /// <summary>Finds a link by its name.</summary>
    /// <returns>Null if there is none.</returns>
    public LinkInfo? GetLink(string name)
    {
        InterfaceName.Checked(name);
        return FindLink(0, name, $"find link {name}");
    }

    /// <summary>Finds a link by its index.</summary>
    /// <returns>Null if there is none.</returns>
    public LinkInfo? GetLink(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(index);
        return FindLink(index, null, $"find link {index}");
    }

    /// <summary>All links of the namespace.</summary>
    public IReadOnlyList<LinkInfo> GetLinks()
    {
        const string Operation = "list links";
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], Rtnetlink.RTM_GETLINK, 0);
        writer.Body(default(Rtnetlink.LinkMessage));
        writer.Number(Rtnetlink.IFLA_EXT_MASK, Rtnetlink.RTEXT_FILTER_SKIP_STATS);
        return _connection.Dump<LinkInfo>(writer.Complete(Operation), Operation, LinkCodec.Parse);
    }

    /// <summary>Creates a veth pair, each end directly in its namespace.</summary>
    /// <returns>The near end, or null if it was created in another namespace.</returns>
    /// <exception cref="NetlinkException">A name is taken (EEXIST), an MTU is out of range (EINVAL), …</exception>
    public LinkInfo? CreateVeth(VethSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        InterfaceName.Checked(spec.Name, nameof(spec));
        InterfaceName.Checked(spec.PeerName, nameof(spec));
        var operation = $"create veth {spec.Name} with peer {spec.PeerName}";
        var writer = new MessageWriter(
            stackalloc byte[MessageWriter.BufferLength], Rtnetlink.RTM_NEWLINK, NetlinkMessage.NLM_F_CREATE | NetlinkMessage.NLM_F_EXCL);
        writer.Body(UpMessage(0, spec.Up ? true : null));
        WriteEnd(ref writer, spec.Name, spec.Mac, spec.Mtu, spec.Namespace);
        var info = writer.Begin(Rtnetlink.IFLA_LINKINFO);
        writer.Text(Rtnetlink.IFLA_INFO_KIND, "veth");
        var data = writer.Begin(Rtnetlink.IFLA_INFO_DATA);
        var peer = writer.Begin(Rtnetlink.VETH_INFO_PEER);
        writer.Body(default(Rtnetlink.LinkMessage));
        WriteEnd(ref writer, spec.PeerName, spec.PeerMac, spec.Mtu, spec.PeerNamespace);
        writer.End(peer);
        writer.End(data);
        writer.End(info);
        _connection.Execute(writer.Complete(operation), operation);
        GC.KeepAlive(spec);
        return spec.Namespace is null ? GetLink(spec.Name) : null;
    }

    /// <summary>Creates an ipvlan link, layer 2, VEPA.</summary>
    /// <returns>The link, or null if it was created in another namespace.</returns>
    /// <exception cref="NetlinkException">
    /// The kernel has no ipvlan (EOPNOTSUPP), the parent is gone (ENODEV) or carries links of another kind (EBUSY), the name is taken
    /// (EEXIST), …
    /// </exception>
    public LinkInfo? CreateIpvlan(IpvlanSpec spec) => CreateUpper(spec, "ipvlan", static (ref writer) =>
    {
        // The default is layer 3 mode, in which traffic would bypass the pipeline.
        writer.Number(Rtnetlink.IFLA_IPVLAN_MODE, Rtnetlink.IPVLAN_MODE_L2);
        writer.Number(Rtnetlink.IFLA_IPVLAN_FLAGS, Rtnetlink.IPVLAN_F_VEPA);
    });

    /// <summary>Creates a macvlan link in passthru mode.</summary>
    /// <returns>The link, or null if it was created in another namespace.</returns>
    /// <exception cref="NetlinkException">
    /// The kernel has no macvlan (EOPNOTSUPP), the parent is gone (ENODEV), carries another one (EINVAL) or a bridge's port (EBUSY), the
    /// name is taken (EEXIST), …
    /// </exception>
    public LinkInfo? CreateMacvlan(MacvlanSpec spec) =>
        CreateUpper(spec, "macvlan", static (ref writer) => writer.Number(Rtnetlink.IFLA_MACVLAN_MODE, Rtnetlink.MACVLAN_MODE_PASSTHRU));

    /// <summary>Deletes a link; the peer of a veth is deleted with it.</summary>
    /// <returns>False if there was none.</returns>
    public bool DeleteLink(int index)
    {
        // Index 0 would select no link or, with a group, many.
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(index);
        var operation = $"delete link {index}";
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], Rtnetlink.RTM_DELLINK, 0);
        writer.Body(new Rtnetlink.LinkMessage { Index = index });
        return _connection.TryExecute(writer.Complete(operation), operation, Errno.ENODEV);
    }

    /// <summary>
    /// Deletes links together: the kernel waits only once for packets in flight, which takes most of the time, regardless of the number of
    /// links. Moves them to a link group first and deletes the group.
    /// </summary>
    /// <param name="indexes">The links; missing ones are ignored.</param>
    /// <param name="group">A group that nothing else in the namespace uses: all its links are deleted. Not 0, the default group.</param>
    public void DeleteLinks(IReadOnlyCollection<int> indexes, int group)
    {
        ArgumentNullException.ThrowIfNull(indexes);
        // Group 0 is the default group of every link.
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(group);
        if (indexes.Count == 0)
        {
            return;
        }

        foreach (var index in indexes)
        {
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(index, nameof(indexes));
            _ = SendGroup(Rtnetlink.RTM_NEWLINK, index, group, $"move link {index} to group {group}");
        }
        _ = SendGroup(Rtnetlink.RTM_DELLINK, 0, group, $"delete the links of group {group}");
    }

    /// <summary>Changes several properties of a link in one request.</summary>
    public void SetLink(int index, LinkChange change)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(index);
        ArgumentNullException.ThrowIfNull(change);
        var operation = change.Namespace is { } target
            ? $"move link {index} to {target.Path}{(change.Name is null ? "" : $" as {change.Name}")}"
            : $"change link {index}";
        // RTM_NEWLINK without NLM_F_CREATE changes a link and, unlike RTM_SETLINK, accepts every attribute on old kernels too.
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], Rtnetlink.RTM_NEWLINK, 0);
        writer.Body(UpMessage(index, change.Up));
        WriteEnd(ref writer, change.Name is null ? null
            : InterfaceName.Checked(change.Name, nameof(change)), change.Mac, change.Mtu, change.Namespace);
        if (change.Alias is { } alias)
        {
            var bytes = Encoding.UTF8.GetBytes(alias);
            if (bytes.Length > MaxAliasLength)
            {
                throw new ArgumentException($"an alias has at most {MaxAliasLength} bytes, not {bytes.Length}", nameof(change));
            }

            writer.Bytes(Rtnetlink.IFLA_IFALIAS, bytes);
        }
        _connection.Execute(writer.Complete(operation), operation);
        GC.KeepAlive(change);
    }

    /// <summary>Disables offloads as <see cref="EthtoolSettings.DisableOffloads(string)"/> does, without entering the namespace.</summary>
    /// <exception cref="LinuxException">There is no such link (ENODEV), or the process lacks the privilege (EPERM).</exception>
    public void DisableOffloads(string name) => EthtoolSettings.DisableOffloads(
        _socket ?? throw new InvalidOperationException("this connection has no kernel socket"), InterfaceName.Checked(name));

    /// <summary>Brings a link up.</summary>
    public void SetUp(int index) => SetLink(index, new LinkChange { Up = true });

    /// <summary>Brings a link down.</summary>
    public void SetDown(int index) => SetLink(index, new LinkChange { Up = false });

    /// <summary>Renames a link; kernels before 6.2 require it to be down.</summary>
    public void Rename(int index, string name) => SetLink(index, new LinkChange { Name = name });

    /// <summary>Sets the MTU in bytes.</summary>
    public void SetMtu(int index, int mtu) => SetLink(index, new LinkChange { Mtu = mtu });

    /// <summary>Sets the Ethernet address.</summary>
    public void SetMac(int index, MacAddress mac) => SetLink(index, new LinkChange { Mac = mac });

    /// <summary>Sets the alias, at most 255 bytes; an empty string removes it.</summary>
    public void SetAlias(int index, string alias) => SetLink(index, new LinkChange { Alias = alias });

    /// <summary>
    /// Moves a link to another namespace, optionally with a new name. It arrives down, without addresses, and its index may change.
    /// </summary>
    /// <exception cref="NetlinkException">
    /// The name is taken there (EEXIST), or the link can't be moved (EINVAL); in either case, it has not moved.
    /// </exception>
    public void MoveToNamespace(int index, NetNamespace ns, string? newName = null)
    {
        ArgumentNullException.ThrowIfNull(ns);
        if (newName is not null)
        {
            // The kernel moves the link before it renames it: if the name is taken, the link would stay there under its old name.
            using var target = Open(ns);
            if (target.GetLink(newName) is not null)
            {
                throw new NetlinkException(
                    $"move link {index} to {ns.Path} as {newName}", Errno.EEXIST, "the target namespace already has a link of that name");
            }
        }
        SetLink(index, new LinkChange { Namespace = ns, Name = newName });
    }

    /// <summary>Removes an alternative name of a link: the link can't be renamed to one of its own alternative names.</summary>
    /// <returns>False if it did not have that name.</returns>
    public bool RemoveAlternativeName(int index, string name)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(index);
        ArgumentException.ThrowIfNullOrEmpty(name);
        var operation = $"remove the alternative name {name} of link {index}";
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], Rtnetlink.RTM_DELLINKPROP, 0);
        writer.Body(new Rtnetlink.LinkMessage { Index = index });
        var properties = writer.BeginNested(Rtnetlink.IFLA_PROP_LIST);
        writer.Text(Rtnetlink.IFLA_ALT_IFNAME, name);
        writer.End(properties);
        return _connection.TryExecute(writer.Complete(operation), operation, Errno.ENOENT);
    }

    /// <summary>Disables the generation of IPv6 addresses for a link. Does nothing if the kernel has no IPv6.</summary>
    public void SetIPv6AddrGenModeNone(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(index);
        var operation = $"disable IPv6 address generation of link {index}";
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], Rtnetlink.RTM_NEWLINK, 0);
        writer.Body(new Rtnetlink.LinkMessage { Index = index });
        var families = writer.Begin(Rtnetlink.IFLA_AF_SPEC);
        var inet6 = writer.Begin(Libc.AF_INET6);
        writer.Number(Rtnetlink.IFLA_INET6_ADDR_GEN_MODE, Rtnetlink.IN6_ADDR_GEN_MODE_NONE);
        writer.End(inet6);
        writer.End(families);
        // EAFNOSUPPORT: the link has no IPv6, so no address is generated.
        _ = _connection.TryExecute(writer.Complete(operation), operation, Errno.EAFNOSUPPORT);
    }

    private LinkInfo? CreateUpper(UpperLinkSpec spec, string kind, KindWriter writeData)
    {
        ArgumentNullException.ThrowIfNull(spec);
        InterfaceName.Checked(spec.Name, nameof(spec));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(spec.Parent, nameof(spec));
        var operation = $"create {kind} {spec.Name} on link {spec.Parent}";
        var writer = new MessageWriter(
            stackalloc byte[MessageWriter.BufferLength], Rtnetlink.RTM_NEWLINK, NetlinkMessage.NLM_F_CREATE | NetlinkMessage.NLM_F_EXCL);
        writer.Body(UpMessage(0, null));
        WriteEnd(ref writer, spec.Name, null, spec.Mtu, spec.Namespace);
        writer.Number(Rtnetlink.IFLA_LINK, (uint)spec.Parent);
        var info = writer.Begin(Rtnetlink.IFLA_LINKINFO);
        writer.Text(Rtnetlink.IFLA_INFO_KIND, kind);
        var data = writer.Begin(Rtnetlink.IFLA_INFO_DATA);
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
        Flags = up == true ? Rtnetlink.IFF_UP : 0,
        Change = up is null ? 0 : Rtnetlink.IFF_UP,
    };

    private bool SendGroup(ushort type, int index, int group, string operation)
    {
        var writer = new MessageWriter(stackalloc byte[GroupMessageLength], type, 0);
        writer.Body(new Rtnetlink.LinkMessage { Index = index });
        writer.Number(Rtnetlink.IFLA_GROUP, (uint)group);
        return _connection.TryExecute(writer.Complete(operation), operation, Errno.ENODEV);
    }

    private static void WriteEnd(ref MessageWriter writer, string? name, MacAddress? mac, int? mtu, NetNamespace? ns)
    {
        if (name is not null)
        {
            writer.Text(Rtnetlink.IFLA_IFNAME, name);
        }

        if (mac is { } address)
        {
            writer.Mac(Rtnetlink.IFLA_ADDRESS, address);
        }

        if (mtu is { } bytes)
        {
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytes, nameof(mtu));
            writer.Number(Rtnetlink.IFLA_MTU, (uint)bytes);
        }
        if (ns is not null)
        {
            writer.Descriptor(Rtnetlink.IFLA_NET_NS_FD, ns.Handle);
        }
    }

    private LinkInfo? FindLink(int index, string? name, string operation)
    {
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], Rtnetlink.RTM_GETLINK, 0);
        writer.Body(new Rtnetlink.LinkMessage { Index = index });
        writer.Number(Rtnetlink.IFLA_EXT_MASK, Rtnetlink.RTEXT_FILTER_SKIP_STATS);
        if (name is not null)
        {
            writer.Text(Rtnetlink.IFLA_IFNAME, name);
        }

        LinkInfo? found = null;
        var there = _connection.TryExecute(writer.Complete(operation), operation, Errno.ENODEV, (in NetlinkMessage message) =>
        {
            if (LinkCodec.Parse(message, out var link))
            {
                found = link;
            }
        });
        return there ? found ?? throw NetlinkException.Malformed(operation, "the kernel acknowledged the request but sent no answer")
            : null;
    }
}

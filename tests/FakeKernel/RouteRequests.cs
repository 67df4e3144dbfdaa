using System.Buffers.Binary;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.FakeKernel;

/// <summary>Answers the link requests of rtnetlink (linux/if_link.h).</summary>
internal sealed class RouteRequests(FakeHost host)
{
    public const int NewLink = 16;
    public const int DeleteLink = 17;
    public const int GetLink = 18;

    // Each attribute of a virtual function: its number and up to two values.
    private const int VfMac = 1;
    private const int VfVlan = 2;
    private const int VfSpoofCheck = 4;
    private const int VfLinkState = 5;
    private const int VfRate = 6;
    private const int VfTrust = 9;

    public void Handle(FakeSocket socket, byte[] request, int type)
    {
        var index = BinaryPrimitives.ReadInt32LittleEndian(request.AsSpan(20));
        var attributes = Attributes.Read(request.AsSpan(32));
        var name = Attributes.FindText(attributes, 3);
        var link = host.Links.All.FirstOrDefault(l => index != 0 ? l.Index == index : l.Name == name);
        var asked = new FakeRequest(type == GetLink ? "link get" : "link set", link?.Name ?? name ?? "", null);
        host.RequestLog.Add(asked);
        if (host.Refuse?.Invoke(asked) is { } refused)
        {
            socket.Acknowledge(request, refused);
            return;
        }
        switch (type)
        {
            case GetLink when (BinaryPrimitives.ReadUInt16LittleEndian(request.AsSpan(6)) & 0x300) == 0x300:
                foreach (var each in host.Links.All)
                {
                    socket.Reply(request, NewLink, Describe(each), multi: true);
                }

                socket.Done(request);
                break;
            case GetLink or NewLink when link is null:
                socket.Acknowledge(request, new FakeError(Errno.ENODEV));
                break;
            case GetLink:
                var functions = Attributes.FindU32(attributes, 29) is { } extended && (extended & 1) != 0 ? FunctionOf(link) : null;
                socket.Reply(request, NewLink, Describe(link, functions), multi: false);
                socket.Acknowledge(request, null);
                break;
            case NewLink:
                socket.Acknowledge(request, Change(link, request, attributes));
                break;
            default:
                socket.Acknowledge(request, new FakeError(Errno.EOPNOTSUPP));
                break;
        }
    }

    public static byte[] Describe(FakeLink link, FakePciFunction? functions = null)
    {
        var attributes = new Attributes().Text(3, link.Name).Mac(1, link.Mac).U32(4, (uint)link.Mtu).Mac(54, link.PermanentMac)
            .Text(38, link.PhysPortName).Text(56, link.ParentDevice).Text(57, link.ParentBus);
        if (link.PhysSwitchId is { } id)
        {
            attributes.Add(36, id);
        }

        if (link.AlternativeNames.Count > 0)
        {
            var names = new Attributes();
            foreach (var name in link.AlternativeNames)
            {
                names.Text(53, name);
            }

            attributes.Nest(52, names);
        }
        if (functions is not null)
        {
            attributes.U32(21, (uint)functions.VfConfiguration.Count);
            var list = new Attributes();
            foreach (var vf in functions.VfConfiguration)
            {
                list.Nest(1, DescribeVf(vf));
            }

            attributes.Nest(22, list);
        }
        var header = new byte[16];
        header[2] = 1;
        BitConverter.TryWriteBytes(header.AsSpan(4), link.Index);
        BitConverter.TryWriteBytes(header.AsSpan(8), link.Up ? 0x10043 : 0x1002);
        return [.. header, .. attributes.ToArray()];
    }

    public static Attributes DescribeVf(VfInfo vf)
    {
        // The kernel sends 32 bytes for an address, and -1 for unknown settings.
        byte[] mac = [.. BitConverter.GetBytes(vf.Number), .. vf.Mac.ToArray(), .. new byte[26]];
        return new Attributes().Add(VfMac, mac).Add(VfVlan, Values(vf.Number, vf.Vlan, vf.Qos)).Add(3, Values(vf.Number, vf.MaxRate))
            .Add(VfRate, Values(vf.Number, vf.MinRate, vf.MaxRate)).Add(VfSpoofCheck, Values(vf.Number, Setting(vf.SpoofCheck)))
            .Add(VfLinkState, Values(vf.Number, (int)(vf.LinkState ?? 0))).Add(VfTrust, Values(vf.Number, Setting(vf.Trust)));
    }

    /// <summary>Applies an IFLA_VFINFO_LIST.</summary>
    public static FakeError? ChangeVfs(FakePciFunction? physical, byte[] list)
    {
        if (physical is null)
        {
            return new FakeError(Errno.EOPNOTSUPP);
        }

        foreach (var (_, info) in Attributes.Read(list))
        {
            foreach (var (type, value) in Attributes.Read(info))
            {
                var number = BitConverter.ToInt32(value);
                var i = physical.VfConfiguration.FindIndex(v => v.Number == number);
                if (i < 0)
                {
                    return new FakeError(Errno.EINVAL);
                }

                var vf = physical.VfConfiguration[i];
                int At(int position) => BitConverter.ToInt32(value, 4 * position);
                switch (type)
                {
                    case VfMac:
                        if (physical.RefuseVfMac is { } refused)
                        {
                            return refused;
                        }

                        var mac = new MacAddress(value.AsSpan(4, 6));
                        if (mac.IsMulticast)
                        {
                            return new FakeError(Errno.EINVAL, "Invalid VF MAC address");
                        }

                        vf = vf with { Mac = mac };
                        break;
                    case VfVlan:
                        vf = vf with { Vlan = At(1), Qos = At(2) };
                        break;
                    case VfRate:
                        vf = vf with { MinRate = At(1), MaxRate = At(2) };
                        break;
                    case VfSpoofCheck:
                        vf = vf with { SpoofCheck = At(1) != 0 };
                        break;
                    case VfLinkState:
                        vf = vf with { LinkState = (VfLinkState)At(1) };
                        break;
                    case VfTrust:
                        vf = vf with { Trust = At(1) != 0 };
                        break;
                    default:
                        return new FakeError(Errno.EOPNOTSUPP);
                }
                physical.VfConfiguration[i] = vf;
            }
        }
        return null;
    }

    private static byte[] Values(params int[] values) => [.. values.SelectMany(BitConverter.GetBytes)];

    private static int Setting(bool? value) => value is null ? -1 : value.Value ? 1 : 0;

    private FakePciFunction? FunctionOf(FakeLink link) =>
        host.Functions.FirstOrDefault(f => f.TotalVfs > 0 && f.SysfsPath == link.SysfsPath);

    private FakeError? Change(FakeLink link, byte[] request, List<(int Type, byte[] Value)> attributes)
    {
        if (Attributes.Find(attributes, 22) is { } list && ChangeVfs(FunctionOf(link), list) is { } error)
        {
            return error;
        }

        var name = Attributes.FindText(attributes, 3);
        if (name is not null && host.Links.All.Any(l => l != link && l.Name == name))
        {
            return new FakeError(Errno.EEXIST);
        }

        host.Links.Describe(link.Index, l =>
        {
            l.Name = name ?? l.Name;
            l.Mac = Attributes.Find(attributes, 1) is { Length: 6 } mac ? new MacAddress(mac) : l.Mac;
            l.Mtu = (int)(Attributes.FindU32(attributes, 4) ?? (uint)l.Mtu);
            if ((BinaryPrimitives.ReadUInt32LittleEndian(request.AsSpan(28)) & 1) != 0)
            {
                l.Up = (BinaryPrimitives.ReadUInt32LittleEndian(request.AsSpan(24)) & 1) != 0;
            }
        });
        return null;
    }
}

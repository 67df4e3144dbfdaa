using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Netlink;

namespace ACCOffload.NativeInterop.Routing;

/// <summary>Parses and writes IFLA_VFINFO_LIST.</summary>
internal static class VfCodec
{
    private const int NotSupported = -1;

    /// <summary>Parses the virtual functions in a link message.</summary>
    public static bool Parse(in NetlinkMessage message, List<VfInfo> functions)
    {
        if (message.Type != Rtnetlink.RTM_NEWLINK)
        {
            return false;
        }

        if (!message.TryRead<Rtnetlink.LinkMessage>(out _, out var attributes))
        {
            throw Malformed();
        }

        while (attributes.MoveNext())
        {
            if (attributes.Type != Rtnetlink.IFLA_VFINFO_LIST)
            {
                continue;
            }

            var list = attributes.Nested();
            while (list.MoveNext())
            {
                if (list.Type != Rtnetlink.IFLA_VF_INFO)
                {
                    continue;
                }

                var function = list.Nested();
                if (Read(ref function) is { } info)
                {
                    functions.Add(info);
                }

                list.Absorb(function);
            }
            attributes.Absorb(list);
        }
        return attributes.Failed ? throw Malformed() : true;
    }

    public static void Write(ref MessageWriter writer, int function, VfChange change, (int Min, int Max)? rate)
    {
        var list = writer.Begin(Rtnetlink.IFLA_VFINFO_LIST);
        var info = writer.Begin(Rtnetlink.IFLA_VF_INFO);
        if (change.Mac is { } mac)
        {
            var value = new Rtnetlink.VfMacValue { Number = function };
            mac.CopyTo(value.Address);
            writer.Number(Rtnetlink.IFLA_VF_MAC, value);
        }
        if (change.Vlan is { } vlan)
        {
            writer.Number(Rtnetlink.IFLA_VF_VLAN, new Rtnetlink.VfVlanValue { Number = function, Vlan = vlan, Qos = change.Qos ?? 0 });
        }

        if (rate is { } rates)
        {
            writer.Number(Rtnetlink.IFLA_VF_RATE, new Rtnetlink.VfRateValue { Number = function, Min = rates.Min, Max = rates.Max });
        }

        if (change.SpoofCheck is { } check)
        {
            writer.Number(Rtnetlink.IFLA_VF_SPOOFCHK, new Rtnetlink.VfSetting { Number = function, Setting = check ? 1 : 0 });
        }

        if (change.LinkState is { } state)
        {
            writer.Number(Rtnetlink.IFLA_VF_LINK_STATE, new Rtnetlink.VfSetting { Number = function, Setting = (int)state });
        }

        if (change.Trust is { } trust)
        {
            writer.Number(Rtnetlink.IFLA_VF_TRUST, new Rtnetlink.VfSetting { Number = function, Setting = trust ? 1 : 0 });
        }

        writer.End(info);
        writer.End(list);
    }

    private static VfInfo? Read(ref AttributeReader attributes)
    {
        int? number = null;
        var info = new VfInfo { Number = 0 };
        while (attributes.MoveNext())
        {
            switch (attributes.Type)
            {
                case Rtnetlink.IFLA_VF_MAC:
                    var mac = attributes.Structure<Rtnetlink.VfMacValue>();
                    number = mac.Number;
                    info = info with { Mac = new MacAddress(mac.Address[..MacAddress.Length]) };
                    break;
                case Rtnetlink.IFLA_VF_VLAN:
                    var vlan = attributes.Structure<Rtnetlink.VfVlanValue>();
                    info = info with { Vlan = vlan.Vlan, Qos = vlan.Qos };
                    break;
                case Rtnetlink.IFLA_VF_RATE:
                    var rate = attributes.Structure<Rtnetlink.VfRateValue>();
                    info = info with { MinRate = rate.Min, MaxRate = rate.Max };
                    break;
                case Rtnetlink.IFLA_VF_SPOOFCHK:
                    info = info with { SpoofCheck = Setting(ref attributes) };
                    break;
                case Rtnetlink.IFLA_VF_TRUST:
                    info = info with { Trust = Setting(ref attributes) };
                    break;
                case Rtnetlink.IFLA_VF_LINK_STATE:
                    info = info with { LinkState = (VfLinkState)attributes.Structure<Rtnetlink.VfSetting>().Setting };
                    break;
            }
        }
        if (attributes.Failed)
        {
            return null;
        }
        // Every function's description has IFLA_VF_MAC, which carries its number.
        return number is >= 0 ? info with { Number = number.Value } : throw Malformed();
    }

    private static bool? Setting(ref AttributeReader attributes)
    {
        var setting = attributes.Structure<Rtnetlink.VfSetting>().Setting;
        return setting == NotSupported ? null : setting != 0;
    }

    private static NetlinkException Malformed() =>
        NetlinkException.Malformed("read virtual functions", "the kernel's description of virtual functions is malformed");
}

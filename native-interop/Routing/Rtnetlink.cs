using System.Runtime.InteropServices;

namespace ACCOffload.NativeInterop.Routing;

/// <summary>Constants and structures of linux/rtnetlink.h, if_link.h, if_addr.h, neighbour.h, fib_rules.h and veth.h.</summary>
internal static class Rtnetlink
{
    public const ushort RTM_NEWLINK = 16;
    public const ushort RTM_DELLINK = 17;
    public const ushort RTM_GETLINK = 18;
    public const ushort RTM_NEWADDR = 20;
    public const ushort RTM_DELADDR = 21;
    public const ushort RTM_GETADDR = 22;
    public const ushort RTM_NEWROUTE = 24;
    public const ushort RTM_DELROUTE = 25;
    public const ushort RTM_GETROUTE = 26;
    public const ushort RTM_NEWNEIGH = 28;
    public const ushort RTM_DELNEIGH = 29;
    public const ushort RTM_GETNEIGH = 30;
    public const ushort RTM_NEWRULE = 32;
    public const ushort RTM_DELRULE = 33;
    public const ushort RTM_GETRULE = 34;
    public const ushort RTM_DELLINKPROP = 109;

    public const uint IFF_UP = 0x1;
    public const uint IFF_RUNNING = 0x40;
    public const uint IFF_LOWER_UP = 0x10000;

    public const ushort IFLA_ADDRESS = 1;
    public const ushort IFLA_IFNAME = 3;
    public const ushort IFLA_MTU = 4;
    public const ushort IFLA_LINK = 5;
    public const ushort IFLA_LINKINFO = 18;
    public const ushort IFLA_IFALIAS = 20;
    public const ushort IFLA_VFINFO_LIST = 22;
    public const ushort IFLA_AF_SPEC = 26;
    public const ushort IFLA_GROUP = 27;
    public const ushort IFLA_NET_NS_FD = 28;
    public const ushort IFLA_EXT_MASK = 29;
    public const ushort IFLA_PHYS_SWITCH_ID = 36;
    public const ushort IFLA_LINK_NETNSID = 37;
    public const ushort IFLA_PHYS_PORT_NAME = 38;
    public const ushort IFLA_PROP_LIST = 52;
    public const ushort IFLA_ALT_IFNAME = 53;
    public const ushort IFLA_PERM_ADDRESS = 54;
    public const ushort IFLA_PARENT_DEV_NAME = 56;
    public const ushort IFLA_PARENT_DEV_BUS_NAME = 57;
    public const uint RTEXT_FILTER_VF = 1;
    public const uint RTEXT_FILTER_SKIP_STATS = 1 << 3;
    public const ushort IFLA_INFO_KIND = 1;
    public const ushort IFLA_INFO_DATA = 2;
    public const ushort VETH_INFO_PEER = 1;
    public const ushort IFLA_MACVLAN_MODE = 1;
    public const uint MACVLAN_MODE_PASSTHRU = 8;
    public const ushort IFLA_IPVLAN_MODE = 1;
    public const ushort IFLA_IPVLAN_FLAGS = 2;
    public const ushort IPVLAN_MODE_L2 = 0;
    public const ushort IPVLAN_F_VEPA = 2;
    public const ushort IFLA_INET6_ADDR_GEN_MODE = 8;
    public const ushort IFLA_INET_CONF = 1;
    public const byte IN6_ADDR_GEN_MODE_NONE = 1;

    public const ushort IFLA_VF_INFO = 1;
    public const ushort IFLA_VF_MAC = 1;
    public const ushort IFLA_VF_VLAN = 2;
    public const ushort IFLA_VF_SPOOFCHK = 4;
    public const ushort IFLA_VF_LINK_STATE = 5;
    public const ushort IFLA_VF_RATE = 6;
    public const ushort IFLA_VF_TRUST = 9;

    public const ushort IFA_ADDRESS = 1;
    public const ushort IFA_LOCAL = 2;
    public const ushort IFA_FLAGS = 8;
    public const uint IFA_F_NODAD = 0x02;
    public const uint IFA_F_NOPREFIXROUTE = 0x200;

    public const ushort RTA_DST = 1;
    public const ushort RTA_OIF = 4;
    public const ushort RTA_GATEWAY = 5;
    public const ushort RTA_PRIORITY = 6;
    public const ushort RTA_PREFSRC = 7;
    public const ushort RTA_METRICS = 8;
    public const ushort RTA_MULTIPATH = 9;
    public const ushort RTA_TABLE = 15;
    public const ushort RTA_VIA = 18;
    public const ushort RTAX_MTU = 2;
    public const byte RTN_UNICAST = 1;
    public const byte RT_TABLE_COMPAT = 252;
    public const uint RTNH_F_ONLINK = 4;

    public const ushort NDA_DST = 1;
    public const ushort NDA_LLADDR = 2;
    public const ushort NDA_CACHEINFO = 3;
    public const ushort NDA_IFINDEX = 8;
    public const ushort NDA_FLAGS_EXT = 15;

    public const ushort FRA_DST = 1;
    public const ushort FRA_SRC = 2;
    public const ushort FRA_IIFNAME = 3;
    public const ushort FRA_PRIORITY = 6;
    public const ushort FRA_FWMARK = 10;
    public const ushort FRA_SUPPRESS_PREFIXLEN = 14;
    public const ushort FRA_TABLE = 15;
    public const ushort FRA_FWMASK = 16;
    public const ushort FRA_PROTOCOL = 21;
    public const ushort FRA_IP_PROTO = 22;
    public const ushort FRA_DPORT_RANGE = 24;
    public const ushort FRA_DPORT_MASK = 29;
    public const uint FIB_RULE_INVERT = 2;
    public const byte FR_ACT_TO_TBL = 1;


    /// <summary>struct ifinfomsg.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct LinkMessage
    {
        public byte Family;
        public byte Padding;
        public ushort DeviceType;
        public int Index;
        public uint Flags;
        public uint Change;
    }

    /// <summary>struct ifaddrmsg.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct AddressMessage
    {
        public byte Family;
        public byte PrefixLength;
        public byte Flags;
        public byte Scope;
        public int Index;
    }

    /// <summary>struct rtmsg.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct RouteMessage
    {
        public byte Family;
        public byte DestinationLength;
        public byte SourceLength;
        public byte TypeOfService;
        public byte Table;
        public byte Protocol;
        public byte Scope;
        public byte Type;
        public uint Flags;
    }

    /// <summary>struct ndmsg.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct NeighborMessage
    {
        public byte Family;
        public byte Padding1;
        public ushort Padding2;
        public int Index;
        public ushort State;
        public byte Flags;
        public byte Type;
    }

    /// <summary>struct nda_cacheinfo.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct NeighborTimes
    {
        public uint Confirmed;
        public uint Used;
        public uint Updated;
        public uint References;
    }

    /// <summary>struct fib_rule_hdr.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct RuleMessage
    {
        public byte Family;
        public byte DestinationLength;
        public byte SourceLength;
        public byte TypeOfService;
        public byte Table;
        public byte Reserved1;
        public byte Reserved2;
        public byte Action;
        public uint Flags;
    }

    /// <summary>struct ifla_vf_mac.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct VfMacValue
    {
        public int Number;
        private LongAddress _address;

        /// <summary>32 bytes, of which Ethernet uses the first six.</summary>
        [System.Diagnostics.CodeAnalysis.UnscopedRef]
        public Span<byte> Address => _address;

        [System.Runtime.CompilerServices.InlineArray(32)]
        private struct LongAddress
        {
            private byte _first;
        }
    }

    /// <summary>struct ifla_vf_vlan.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct VfVlanValue
    {
        public int Number;
        public int Vlan;
        public int Qos;
    }

    /// <summary>struct ifla_vf_rate.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct VfRateValue
    {
        public int Number;
        public int Min;
        public int Max;
    }

    /// <summary>struct ifla_vf_spoofchk, ifla_vf_link_state, ifla_vf_trust.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct VfSetting
    {
        public int Number;
        public int Setting;
    }
}

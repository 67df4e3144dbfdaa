using System.Runtime.InteropServices;

namespace ACCOffload.NativeInterop.Routing;

/// <summary>Numbers and structures of linux/rtnetlink.h, if_link.h, if_addr.h, neighbour.h, fib_rules.h and veth.h.</summary>
internal static class Rtnetlink
{
    public const ushort NewLink = 16;
    public const ushort DeleteLink = 17;
    public const ushort GetLink = 18;
    public const ushort SetLink = 19;
    public const ushort NewAddress = 20;
    public const ushort DeleteAddress = 21;
    public const ushort GetAddress = 22;
    public const ushort NewRoute = 24;
    public const ushort DeleteRoute = 25;
    public const ushort GetRoute = 26;
    public const ushort NewNeighbour = 28;
    public const ushort DeleteNeighbour = 29;
    public const ushort GetNeighbour = 30;
    public const ushort NewRule = 32;
    public const ushort DeleteRule = 33;
    public const ushort GetRule = 34;
    public const ushort DeleteLinkProperty = 109;

    public const uint LinkFlagUp = 0x1;
    public const uint LinkFlagRunning = 0x40;
    public const uint LinkFlagLowerUp = 0x10000;

    public const ushort LinkAddress = 1;
    public const ushort LinkName = 3;
    public const ushort LinkMtu = 4;
    public const ushort LinkLink = 5;
    public const ushort LinkInfoNest = 18;
    public const ushort LinkAlias = 20;
    public const ushort LinkVfInfoList = 22;
    public const ushort LinkFamilySpecific = 26;
    public const ushort LinkGroup = 27;
    public const ushort LinkNamespaceDescriptor = 28;
    public const ushort LinkExtendedMask = 29;
    public const ushort LinkPhysSwitchId = 36;
    public const ushort LinkPeerNamespaceId = 37;
    public const ushort LinkPhysPortName = 38;
    public const ushort LinkProperties = 52;
    public const ushort LinkAlternativeName = 53;
    public const ushort LinkPermanentAddress = 54;
    public const ushort LinkParentDevice = 56;
    public const ushort LinkParentBus = 57;
    public const uint ExtendedMaskVf = 1;
    public const uint ExtendedMaskSkipStatistics = 1 << 3;
    public const ushort LinkInfoKind = 1;
    public const ushort LinkInfoData = 2;
    public const ushort VethPeer = 1;
    public const ushort MacvlanMode = 1;
    public const uint MacvlanModePassthru = 8;
    public const ushort IpvlanMode = 1;
    public const ushort IpvlanFlags = 2;
    public const ushort IpvlanModeLayer2 = 0;
    public const ushort IpvlanFlagVepa = 2;
    public const ushort Inet6AddressGenerationMode = 8;
    public const byte AddressGenerationNone = 1;

    public const ushort VfInfoNest = 1;
    public const ushort VfMac = 1;
    public const ushort VfVlan = 2;
    public const ushort VfSpoofCheck = 4;
    public const ushort VfLinkState = 5;
    public const ushort VfRate = 6;
    public const ushort VfTrust = 9;

    public const ushort AddressAddress = 1;
    public const ushort AddressLocal = 2;
    public const ushort AddressFlags = 8;
    public const uint AddressFlagNoDuplicateDetection = 0x02;
    public const uint AddressFlagNoPrefixRoute = 0x200;

    public const ushort RouteDestination = 1;
    public const ushort RouteInterface = 4;
    public const ushort RouteGateway = 5;
    public const ushort RoutePriority = 6;
    public const ushort RoutePreferredSource = 7;
    public const ushort RouteMetrics = 8;
    public const ushort RouteMultipath = 9;
    public const ushort RouteTable = 15;
    public const ushort RouteVia = 18;
    public const ushort MetricMtu = 2;
    public const byte RouteTypeUnicast = 1;
    public const byte TableCompatible = 252;
    public const uint RouteFlagOnLink = 4;

    public const ushort RuleSource = 2;
    public const ushort RulePriority = 6;
    public const ushort RuleTable = 15;
    public const byte RuleActionToTable = 1;

    public const ushort NeighbourDestination = 1;
    public const ushort NeighbourLinkAddress = 2;
    public const ushort NeighbourStateNoArp = 0x40;
    public const ushort NeighbourStatePermanent = 0x80;

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

    /// <summary>struct ndmsg.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct NeighbourMessage
    {
        public byte Family;
        public byte Padding1;
        public ushort Padding2;
        public int Index;
        public ushort State;
        public byte Flags;
        public byte Type;
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

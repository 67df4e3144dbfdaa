using System.Runtime.InteropServices;

namespace ACCOffload.NativeInterop.Routing;

/// <summary>Constants and structures of linux/rtnetlink.h and pkt_sched.h for queueing disciplines.</summary>
internal static class TrafficControl
{
    public const ushort RTM_NEWQDISC = 36;
    public const ushort RTM_GETQDISC = 38;

    public const uint TC_H_ROOT = 0xFFFF_FFFF;

    public const ushort TCA_KIND = 1;
    public const ushort TCA_OPTIONS = 2;

    public const string TokenBucketKind = "tbf";
    public const ushort TCA_TBF_PARMS = 1;
    public const ushort TCA_TBF_RATE64 = 4;
    public const ushort TCA_TBF_BURST = 6;
    public const byte TC_LINKLAYER_ETHERNET = 1;

    /// <summary>struct tcmsg.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Message
    {
        public byte Family;
        public byte Padding1;
        public ushort Padding2;
        public int Index;
        public uint Handle;
        public uint Parent;
        public uint Info;
    }

    /// <summary>struct tc_ratespec.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct RateSpec
    {
        public byte CellLog;
        public byte LinkLayer;
        public ushort Overhead;
        public short CellAlign;
        public ushort Mpu;
        public uint Rate;
    }

    /// <summary>struct tc_tbf_qopt.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct TokenBucketOptions
    {
        public RateSpec Rate;
        public RateSpec PeakRate;
        public uint Limit;
        public uint Buffer;
        public uint Mtu;
    }
}

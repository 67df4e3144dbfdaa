using System.Runtime.InteropServices;

namespace ACCOffload.NativeInterop.Routing;

/// <summary>Numbers and structures of linux/rtnetlink.h and pkt_sched.h about queueing disciplines.</summary>
internal static class TrafficControl
{
    public const ushort NewQdisc = 36;
    public const ushort DeleteQdisc = 37;
    public const ushort GetQdisc = 38;

    public const uint Root = 0xFFFF_FFFF;

    public const ushort Kind = 1;
    public const ushort Options = 2;

    public const string TokenBucketKind = "tbf";
    public const ushort TokenBucketParameters = 1;
    public const ushort TokenBucketRate64 = 4;
    public const ushort TokenBucketBurst = 6;
    public const byte LinkLayerEthernet = 1;

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

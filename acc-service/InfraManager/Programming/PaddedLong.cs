using System.Runtime.InteropServices;

namespace ACCOffload.InfraManager.Programming;

/// <summary>A counter with a cache line of its own, since producers and consumer write to different ones.</summary>
[StructLayout(LayoutKind.Explicit, Size = 128)]
internal struct PaddedLong
{
    [FieldOffset(64)]
    public long Value;
}

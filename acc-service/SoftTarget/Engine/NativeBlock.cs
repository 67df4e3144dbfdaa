using System.Runtime.InteropServices;

namespace ACCOffload.SoftTarget.Engine;

/// <summary>Zeroed native memory, aligned to 64 bytes, freed on disposal or finalization.</summary>
internal sealed unsafe class NativeBlock : IDisposable
{
    private const int Alignment = 64;
    private void* _raw;

    public NativeBlock(long bytes)
    {
        Length = Math.Max(bytes, 1);
        // Large zeroed allocations come from fresh pages, which become resident only when used.
        _raw = NativeMemory.AllocZeroed((nuint)(Length + Alignment));
        Pointer = (byte*)(((nuint)_raw + Alignment - 1) & ~(nuint)(Alignment - 1));
    }

    ~NativeBlock() => Free();

    public long Length { get; }

    public byte* Pointer { get; private set; }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        NativeMemory.Free(_raw);
        _raw = null;
        Pointer = null;
    }
}

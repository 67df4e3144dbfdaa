using System.Numerics;
using System.Runtime.InteropServices;

namespace ACCOffload.SoftTarget.Engine;

/// <summary>One two-rate three-color meter (RFC 2698, color-aware). Times in ticks of the clock.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct MeterCell
{
    public long CommittedTime;
    public long PeakTime;

    // Tokens are bytes × ticks per second: in plain bytes, fractions would be lost.
    public UInt128 Committed;
    public UInt128 Peak;
    public ulong CommittedRate;
    public ulong PeakRate;
    public ulong CommittedBurst;
    public ulong PeakBurst;
    public int Lock;

    /// <summary>0 if not configured: every packet is green.</summary>
    public int Configured;
}

/// <summary>The meters of one array, shared by the workers.</summary>
internal sealed unsafe class MeterStore : IDisposable
{
    public const int Green = 0;
    public const int Yellow = 1;
    public const int Red = 2;

    private readonly NativeBlock _block;
    private readonly MeterCell* _cells;
    private readonly ulong _frequency;
    private readonly uint _mask;

    public MeterStore(SwxMeterArray array, long frequency)
    {
        _block = new NativeBlock(Bytes(array));
        _cells = (MeterCell*)_block.Pointer;
        _frequency = (ulong)frequency;
        _mask = BitOperations.RoundUpToPowerOf2((uint)array.Size) - 1;
    }

    public static long Bytes(SwxMeterArray array) => (long)BitOperations.RoundUpToPowerOf2((uint)array.Size) * sizeof(MeterCell);

    public void Configure(long index, ulong committedRate, ulong peakRate, ulong committedBurst, ulong peakBurst, long now)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((ulong)index, _mask, nameof(index));
        var cell = _cells + index;
        Acquire(cell);
        var frequency = _frequency;
        *cell = new MeterCell
        {
            CommittedTime = now,
            PeakTime = now,
            Committed = (UInt128)committedBurst * frequency,
            Peak = (UInt128)peakBurst * frequency,
            CommittedRate = committedRate,
            PeakRate = peakRate,
            CommittedBurst = committedBurst,
            PeakBurst = peakBurst,
            Lock = 1,
            Configured = 1,
        };
        Volatile.Write(ref cell->Lock, 0);
    }

    /// <summary>Colors a packet; a dry run takes no tokens.</summary>
    public int Check(ulong index, uint length, ulong color, long now, bool dry)
    {
        var cell = _cells + (index & _mask);
        if (Volatile.Read(ref cell->Configured) == 0)
        {
            return Green;
        }

        Acquire(cell);
        var committed = Refill(cell->Committed, cell->CommittedTime, cell->CommittedRate, cell->CommittedBurst, now);
        var peak = Refill(cell->Peak, cell->PeakTime, cell->PeakRate, cell->PeakBurst, now);
        var cost = (UInt128)length * _frequency;
        int result;
        if (color == Red || peak < cost)
        {
            result = Red;
        }
        else
        {
            peak -= cost;
            result = color == Yellow || committed < cost ? Yellow : Green;
            if (result == Green)
            {
                committed -= cost;
            }
        }
        if (!dry)
        {
            cell->Committed = committed;
            cell->Peak = peak;
            // Another worker may have a later time: going back would credit the interval twice.
            cell->CommittedTime = Math.Max(cell->CommittedTime, now);
            cell->PeakTime = Math.Max(cell->PeakTime, now);
        }
        Volatile.Write(ref cell->Lock, 0);
        return result;
    }

    public void Dispose() => _block.Dispose();

    private UInt128 Refill(UInt128 tokens, long from, ulong rate, ulong burst, long now)
    {
        var full = (UInt128)burst * _frequency;
        var refilled = tokens + (UInt128)(ulong)Math.Max(0, now - from) * rate;
        return refilled > full ? full : refilled;
    }

    private static void Acquire(MeterCell* cell)
    {
        var spinner = new SpinWait();
        while (Interlocked.CompareExchange(ref cell->Lock, 1, 0) != 0)
        {
            spinner.SpinOnce();
        }
    }
}

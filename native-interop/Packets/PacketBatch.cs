using System.Runtime.InteropServices;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Packets;

/// <summary>
/// Room for a batch of received packets, each with headroom in front for headers that are pushed. The memory is not the
/// garbage collector's, so that packets go from one port to another without a copy. One thread at a time uses a batch.
/// </summary>
public sealed unsafe class PacketBatch : IDisposable
{
    /// <summary>Largest frame by default, with its Ethernet header: fits an MTU of 9000 with VLAN tags.</summary>
    public const int DefaultFrameSize = 9216;

    // Cmsghdr (16 bytes) and tpacket_auxdata (20 bytes), rounded up to 8.
    internal const int ControlSize = 40;

    private readonly int _stride;
    private readonly int[] _offsets;
    private readonly int[] _lengths;
    private byte* _memory;

    /// <summary>Allocates a batch.</summary>
    /// <param name="capacity">Most packets in it.</param>
    /// <param name="headroom">Free bytes in front of each received frame, at least 16.</param>
    /// <param name="frameSize">Largest frame; a larger one is dropped and counted.</param>
    public PacketBatch(int capacity = 64, int headroom = 128, int frameSize = DefaultFrameSize)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(capacity, 1024);
        ArgumentOutOfRangeException.ThrowIfLessThan(headroom, 16);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(headroom, 4096);
        ArgumentOutOfRangeException.ThrowIfLessThan(frameSize, 64);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(frameSize, 1 << 17);
        Capacity = capacity;
        Headroom = headroom;
        FrameSize = frameSize;
        _stride = (headroom + frameSize + 63) & ~63;
        _offsets = new int[capacity];
        _lengths = new int[capacity];
        var packets = (nuint)capacity * (nuint)_stride;
        var control = (nuint)capacity * ControlSize;
        var vectors = (nuint)capacity * (nuint)sizeof(Libc.IoVector);
        var messages = (nuint)capacity * (nuint)sizeof(Libc.MultiMessage);
        _memory = (byte*)NativeMemory.AlignedAlloc(packets + control + vectors + messages, 64);
        NativeMemory.Clear(_memory, packets + control + vectors + messages);
        Control = _memory + packets;
        Vectors = (Libc.IoVector*)(Control + control);
        Messages = (Libc.MultiMessage*)((byte*)Vectors + vectors);
        for (var i = 0; i < capacity; i++)
        {
            Vectors[i] = new Libc.IoVector { Base = Slot(i) + headroom, Length = (nuint)frameSize };
            Messages[i].Header.Vectors = Vectors + i;
            Messages[i].Header.VectorCount = 1;
            Messages[i].Header.Control = Control + (i * ControlSize);
        }
    }

    /// <summary>Frees the memory if the owner forgot to.</summary>
    ~PacketBatch() => Free();

    /// <summary>Most packets in it.</summary>
    public int Capacity { get; }

    /// <summary>Free bytes in front of each received frame.</summary>
    public int Headroom { get; }

    /// <summary>Largest frame that is received whole.</summary>
    public int FrameSize { get; }

    /// <summary>Packets that the last <see cref="PacketPort.Receive"/> put here.</summary>
    public int Count { get; internal set; }

    internal byte* Control { get; }

    internal Libc.IoVector* Vectors { get; }

    internal Libc.MultiMessage* Messages { get; }

    /// <summary>A packet's whole buffer: headroom, frame, and what is left behind it.</summary>
    public Span<byte> Buffer(int index) => new(Slot(Checked(index)), Headroom + FrameSize);

    /// <summary>Where in the buffer the frame starts.</summary>
    public int Offset(int index) => _offsets[Checked(index)];

    /// <summary>The frame's length in bytes.</summary>
    public int Length(int index) => _lengths[Checked(index)];

    /// <summary>The frame, from its Ethernet header to its end without the checksum.</summary>
    public Span<byte> Frame(int index) => new(Slot(Checked(index)) + _offsets[index], _lengths[index]);

    /// <summary>Says where the frame is after it was changed.</summary>
    public void SetFrame(int index, int offset, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset + (long)length, Headroom + FrameSize, nameof(length));
        _offsets[Checked(index)] = offset;
        _lengths[index] = length;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    internal byte* Slot(int index) => _memory + ((nint)index * _stride);

    internal byte* FramePointer(int index) => Slot(index) + _offsets[index];

    internal void Place(int index, int offset, int length)
    {
        _offsets[index] = offset;
        _lengths[index] = length;
    }

    /// <summary>Moves the packet in slot <paramref name="from"/> into slot <paramref name="to"/>, to close a gap.</summary>
    internal void Copy(int from, int to)
    {
        new ReadOnlySpan<byte>(FramePointer(from), _lengths[from]).CopyTo(new Span<byte>(Slot(to) + _offsets[from], _lengths[from]));
        Place(to, _offsets[from], _lengths[from]);
    }

    internal void ThrowIfDisposed() => ObjectDisposedException.ThrowIf(_memory == null, this);

    private int Checked(int index)
    {
        ThrowIfDisposed();
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)Capacity, nameof(index));
        return index;
    }

    private void Free()
    {
        NativeMemory.AlignedFree(_memory);
        _memory = null;
    }
}

using System.Runtime.InteropServices;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Packets;

/// <summary>
/// Buffers for a batch of received packets, each with headroom for headers to be prepended. The memory is unmanaged, so packets go
/// from one port to another without a copy. For one thread at a time.
/// </summary>
public sealed unsafe class PacketBatch : IDisposable
{
    /// <summary>Default maximum frame size, including the Ethernet header: fits an MTU of 9216 with two VLAN tags.</summary>
    public const int DefaultFrameSize = 9240;

    // Cmsghdr (16 bytes) and tpacket_auxdata (20 bytes), rounded up to 8.
    internal const int ControlSize = 40;

    private readonly int _stride;
    private readonly int[] _offsets;
    private readonly int[] _lengths;
    private byte* _memory;

    /// <summary>Allocates a batch.</summary>
    /// <param name="capacity">Maximum number of packets.</param>
    /// <param name="headroom">Free bytes in front of each received frame, at least 16.</param>
    /// <param name="frameSize">Maximum frame size; larger frames are dropped and counted.</param>
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
        // One byte more than a frame needs, by which a TAP tells a longer packet from one that just fits.
        _stride = (headroom + frameSize + 1 + 63) & ~63;
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

    /// <summary>Frees the memory if the owner did not.</summary>
    ~PacketBatch() => Free();

    /// <summary>Maximum number of packets.</summary>
    public int Capacity { get; }

    /// <summary>Free bytes in front of each received frame.</summary>
    public int Headroom { get; }

    /// <summary>Maximum size of a received frame.</summary>
    public int FrameSize { get; }

    /// <summary>Number of packets from the last <see cref="PacketPort.Receive"/>.</summary>
    public int Count { get; internal set; }

    internal byte* Control { get; }

    internal Libc.IoVector* Vectors { get; }

    internal Libc.MultiMessage* Messages { get; }

    /// <summary>A packet's whole buffer: headroom, frame and tailroom.</summary>
    public Span<byte> Buffer(int index) => new(Slot(Checked(index)), Headroom + FrameSize);

    /// <summary>Offset of the frame in the buffer.</summary>
    public int Offset(int index) => _offsets[Checked(index)];

    /// <summary>The frame's length in bytes.</summary>
    public int Length(int index) => _lengths[Checked(index)];

    /// <summary>The frame, from the Ethernet header to the end, without the frame check sequence.</summary>
    public Span<byte> Frame(int index) => new(Slot(Checked(index)) + _offsets[index], _lengths[index]);

    /// <summary>Sets the frame's position after a change.</summary>
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

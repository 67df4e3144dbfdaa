using System.Runtime.InteropServices;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Packets;

/// <summary>
/// Send queue of one thread for one port. A packet stays in its batch's memory until <see cref="Flush"/>: flush before the batch
/// is reused or disposed.
/// </summary>
public sealed unsafe class PacketSender : IDisposable
{
    private readonly PacketPort _port;
    private readonly Libc.IoVector* _vectors;
    private Libc.MultiMessage* _messages;

    internal PacketSender(PacketPort port, int capacity)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(capacity, 1024);
        _port = port;
        Capacity = capacity;
        var messages = (nuint)capacity * (nuint)sizeof(Libc.MultiMessage);
        _messages = (Libc.MultiMessage*)NativeMemory.AllocZeroed(messages + ((nuint)capacity * (nuint)sizeof(Libc.IoVector)));
        _vectors = (Libc.IoVector*)((byte*)_messages + messages);
        for (var i = 0; i < capacity; i++)
        {
            _messages[i].Header.Vectors = _vectors + i;
            _messages[i].Header.VectorCount = 1;
        }
    }

    /// <summary>Frees the memory if the owner did not.</summary>
    ~PacketSender() => Free();

    /// <summary>Maximum number of packets per system call.</summary>
    public int Capacity { get; }

    /// <summary>Number of queued packets.</summary>
    public int Count { get; private set; }

    /// <summary>Queues a packet of a batch in its current form; a full queue is flushed first.</summary>
    public void Add(PacketBatch batch, int index)
    {
        ArgumentNullException.ThrowIfNull(batch);
        Add(batch, index, batch.Offset(index), batch.Length(index));
    }

    /// <summary>Queues a part of a batch's buffer; a full queue is flushed first.</summary>
    public void Add(PacketBatch batch, int index, int offset, int length)
    {
        ArgumentNullException.ThrowIfNull(batch);
        ObjectDisposedException.ThrowIf(_messages == null, this);
        var slot = batch.Buffer(index);
        if ((uint)offset > (uint)slot.Length || (uint)length > (uint)(slot.Length - offset))
        {
            throw new ArgumentOutOfRangeException(nameof(length), "the packet is not within its buffer");
        }

        if (Count == Capacity)
        {
            _ = Flush();
        }

        _vectors[Count++] = new Libc.IoVector { Base = batch.Slot(index) + offset, Length = (nuint)length };
    }

    /// <summary>Sends the queued packets. Packets that the link does not accept are dropped and counted.</summary>
    /// <returns>Number of packets that the link accepted.</returns>
    public int Flush()
    {
        if (Count == 0)
        {
            return 0;
        }

        ObjectDisposedException.ThrowIf(_messages == null, this);
        var count = Count;
        Count = 0;
        return _port.SendAll(_messages, count);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        NativeMemory.Free(_messages);
        _messages = null;
        Count = 0;
    }
}

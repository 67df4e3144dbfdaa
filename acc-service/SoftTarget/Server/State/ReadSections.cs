using System.Buffers.Binary;
using ACCOffload.SoftTarget.Engine;
using ACCOffload.SoftTarget.Server.Bind;
using Google.Protobuf;
using P4.V1;

namespace ACCOffload.SoftTarget.Server.State;

/// <summary>A part of the answer to a Read: entities, written one by one.</summary>
internal abstract class ReadSection : IDisposable
{
    /// <summary>Maximum size of one entity.</summary>
    public abstract int EntityBytes { get; }

    /// <summary>Advances to the next entity; false at the end.</summary>
    public abstract bool MoveNext();

    /// <summary>Writes the current entity's oneof field.</summary>
    public abstract void Write(ref BackwardWriter writer);

    public virtual void Dispose() => GC.SuppressFinalize(this);
}

/// <summary>Entities that exist as message objects.</summary>
internal sealed class MessageSection(IReadOnlyList<Entity> entities) : ReadSection
{
    private int _index = -1;

    public override int EntityBytes { get; } = entities.Select(e => e.CalculateSize()).DefaultIfEmpty().Max() + 16;

    public override bool MoveNext() => ++_index < entities.Count;

    public override void Write(ref BackwardWriter writer) => writer.Raw(entities[_index].ToByteArray());
}

/// <summary>Cells of a counter, read when they are sent: counters change constantly anyway.</summary>
internal sealed class CounterSection(SwxPipeline engine, BoundCounter counter, long first, long end) : ReadSection
{
    private long _index = first - 1;

    public override int EntityBytes => 64;

    public override bool MoveNext() => ++_index < end;

    public override void Write(ref BackwardWriter writer)
    {
        var (packets, bytes) = Read(engine, counter, _index);
        var start = writer.Length;
        EntryWriter.Counter(ref writer, 3, packets, bytes);
        var index = writer.Length;
        writer.Number(1, (ulong)_index);
        writer.Message(2, index);
        writer.Number(1, counter.Id);
        writer.Message((uint)Entity.EntityOneofCase.CounterEntry, start);
    }

    public static (ulong Packets, ulong Bytes) Read(SwxPipeline engine, BoundCounter counter, long index)
        => (counter.Packets == BoundCounter.None ? 0 : engine.ReadRegister(counter.Packets, index),
            counter.Bytes == BoundCounter.None ? 0 : engine.ReadRegister(counter.Bytes, index));
}

/// <summary>Cells of a register.</summary>
internal sealed class RegisterSection(SwxPipeline engine, BoundRegister register, long first, long end) : ReadSection
{
    private long _index = first - 1;

    public override int EntityBytes => 64;

    public override bool MoveNext() => ++_index < end;

    public override void Write(ref BackwardWriter writer)
    {
        Span<byte> value = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64BigEndian(value, engine.ReadRegister(register.Array, _index));
        var start = writer.Length;
        writer.BitString(1, value);
        writer.Message(3, start);
        var index = writer.Length;
        writer.Number(1, (ulong)_index);
        writer.Message(2, index);
        writer.Number(1, register.Id);
        writer.Message((uint)Entity.EntityOneofCase.RegisterEntry, start);
    }
}

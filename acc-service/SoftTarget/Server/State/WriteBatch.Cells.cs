using ACCOffload.SoftTarget.Engine;
using ACCOffload.SoftTarget.Server.Bind;
using ACCOffload.SoftTarget.Server.Wire;
using Google.Protobuf;
using P4.V1;
using UpdateType = P4.V1.Update.Types.Type;

namespace ACCOffload.SoftTarget.Server.State;

/// <content>Counters and registers.</content>
internal sealed partial class WriteBatch
{
    private Outcome ApplyCounter(UpdateType type, CounterEntry entry)
    {
        if (type != UpdateType.Modify)
        {
            return Outcome.Invalid("counters can only be modified");
        }

        if (!_state.Bound.Counters.TryGetValue(entry.CounterId, out var counter))
        {
            return Outcome.Invalid(entry.CounterId == 0 ? "counter_id is missing" : $"counter_id {entry.CounterId} is not in p4info");
        }

        var outcome = CheckIndex(entry.Index, counter.Size, $"counter {counter.Name}");
        if (!outcome.IsOk || entry.Data is null)
        {
            return outcome;
        }

        ForEach(entry.Index, counter.Size, index => WriteCell(_state.Engine, counter, index, entry.Data));
        return Outcome.Ok;
    }

    private Outcome ApplyDirectCounter(UpdateType type, DirectCounterEntry entry)
    {
        if (type != UpdateType.Modify)
        {
            return Outcome.Invalid("direct counters can only be modified");
        }

        if (entry.TableEntry is null)
        {
            return Outcome.Invalid("direct counter: table_entry is missing");
        }

        var outcome = _entry.Decode(entry.TableEntry.ToByteArray(), EntryUse.Find);
        if (!outcome.IsOk)
        {
            return outcome;
        }

        var table = _entry.Table;
        if (table.DirectCounter is null)
        {
            return Outcome.Invalid($"{table.Label} has no direct counter");
        }

        if (_entry.IsDefault)
        {
            return Outcome.Unimplemented($"{table.Label}: this target does not support the default entry's counter");
        }

        if (!TryGetEntry(out _, out _))
        {
            return Outcome.NotFound($"{table.Label}: no entry with this key");
        }

        if (entry.Data is not null)
        {
            SetDirectCounter(entry.Data);
        }

        return Outcome.Ok;
    }

    private Outcome ApplyRegister(UpdateType type, RegisterEntry entry)
    {
        if (type != UpdateType.Modify)
        {
            return Outcome.Invalid("registers can only be modified");
        }

        if (!_state.Bound.Registers.TryGetValue(entry.RegisterId, out var register))
        {
            return Outcome.Invalid(entry.RegisterId == 0 ? "register_id is missing" : $"register_id {entry.RegisterId} is not in p4info");
        }

        var outcome = CheckIndex(entry.Index, register.Size, $"register {register.Name}");
        if (!outcome.IsOk)
        {
            return outcome;
        }

        if (entry.Data?.DataCase != P4Data.DataOneofCase.Bitstring)
        {
            return Outcome.Invalid($"register {register.Name} requires bit strings");
        }

        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        if (!BitString.TryPack(entry.Data.Bitstring.Span, register.Bits, bytes))
        {
            return Outcome.OutOfRange($"register {register.Name}: {BitString.Describe(entry.Data.Bitstring.Span, register.Bits)}");
        }

        var value = System.Buffers.Binary.BinaryPrimitives.ReadUInt64BigEndian(bytes);
        ForEach(entry.Index, register.Size, index => _state.Engine.WriteRegister(register.Array, index, value));
        return Outcome.Ok;
    }

    public static Outcome CheckIndex(P4.V1.Index? index, long size, string where)
        => index is null ? Outcome.Ok
            : index.Index_ < 0 ? Outcome.Invalid($"{where}: index {index.Index_} is below 0")
            : index.Index_ >= size ? Outcome.OutOfRange($"{where}: index {index.Index_} is not below {size}")
            : Outcome.Ok;

    private void ForEach(P4.V1.Index? index, long size, Action<long> write)
        => _journal.AfterCommit(() =>
        {
            var (first, end) = index is null ? (0, size) : (index.Index_, index.Index_ + 1);
            for (var i = first; i < end; i++)
            {
                write(i);
            }
        });

    private static void WriteCell(SwxPipeline engine, BoundCounter counter, long index, CounterData data)
    {
        if (counter.Packets != BoundCounter.None)
        {
            engine.WriteRegister(counter.Packets, index, (ulong)data.PacketCount);
        }

        if (counter.Bytes != BoundCounter.None)
        {
            engine.WriteRegister(counter.Bytes, index, (ulong)data.ByteCount);
        }
    }
}

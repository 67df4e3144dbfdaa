using System.Buffers.Binary;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.P4Runtime.Wire;

/// <summary>
/// Decodes <c>p4.v1.ReadResponse</c> directly into packed entries. Values are made canonical, so an entry that is read back equals the one
/// written. One decoder serves one Read.
/// </summary>
internal sealed partial class EntryDecoder(Pipeline pipeline)
{
    private byte[] _scratch = new byte[256];

    /// <summary>Adds the entries of one message, except default, constant and learned entries.</summary>
    /// <exception cref="WireException">The message is malformed or does not fit the pipeline.</exception>
    public void Decode(ReadOnlySpan<byte> response, List<Entry> into) => Decode(response, into, null, null);

    /// <summary>Adds the learned entries of one message: those with an idle timeout.</summary>
    /// <exception cref="WireException">The message is malformed or does not fit the pipeline.</exception>
    public void Decode(ReadOnlySpan<byte> response, List<LearnedEntry> into) => Decode(response, null, into, null);

    /// <summary>
    /// Adds the entries of one message with their direct counters, except default, constant and learned entries. An entry without a counter
    /// has counted nothing.
    /// </summary>
    /// <exception cref="WireException">The message is malformed or does not fit the pipeline.</exception>
    public void Decode(ReadOnlySpan<byte> response, List<CountedEntry> into) => Decode(response, null, null, into);

    private void Decode(
        ReadOnlySpan<byte> response, List<Entry>? own, List<LearnedEntry>? learned, List<CountedEntry>? counted)
    {
        var reader = new WireReader(response);
        while (reader.Next())
        {
            if (reader.Field != 1)
            {
                reader.Skip();
                continue;
            }

            var entity = new WireReader(reader.Bytes());
            while (entity.Next())
            {
                switch (entity.Field)
                {
                    case 2:
                        var times = default(IdleTimes);
                        if (TableEntry(entity.Bytes(), learned is not null, ref times, out var counter) is { } entry)
                        {
                            own?.Add(entry);
                            learned?.Add(new LearnedEntry(entry, times.Timeout, times.Idle));
                            counted?.Add(new CountedEntry(entry, PacketsOf(counter)));
                        }

                        break;
                    case 3 when own is not null:
                        own.Add(ProfileEntry(entity.Bytes(), TableKind.ProfileMembers));
                        break;
                    case 4 when own is not null:
                        own.Add(ProfileEntry(entity.Bytes(), TableKind.ProfileGroups));
                        break;
                    default:
                        throw new WireException($"the answer contains entity kind {entity.Field} instead of a table entry");
                }
            }
        }
    }

    /// <summary>packet_count of a CounterData (p4runtime.proto).</summary>
    private static long PacketsOf(ReadOnlySpan<byte> message)
    {
        var packets = 0L;
        var reader = new WireReader(message);
        while (reader.Next())
        {
            if (reader.Field == 2)
            {
                packets = (long)reader.Number();
            }
            else
            {
                reader.Skip();
            }
        }

        return packets >= 0 ? packets : throw new WireException($"a counter has counted {packets} packets");
    }

    /// <summary>Null for an entry that is not asked for.</summary>
    private Entry? TableEntry(ReadOnlySpan<byte> message, bool isLearned, ref IdleTimes times, out ReadOnlySpan<byte> counter)
    {
        counter = default;
        uint tableId = 0;
        var priority = 0;
        ReadOnlySpan<byte> actionMessage = default;
        var hasAction = false;

        // The table id may follow fields that depend on it, so look for ids first.
        var reader = new WireReader(message);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1:
                    tableId = reader.Id();
                    break;
                case 3:
                    actionMessage = reader.Bytes();
                    hasAction = true;
                    break;
                case 4:
                    priority = (int)reader.Number();
                    break;
                case 7:
                    counter = reader.Bytes();
                    break;
                case 8 or 13:
                    // Default or constant.
                    if (reader.Number() != 0)
                    {
                        return null;
                    }

                    break;
                case 9:
                    // With an idle timeout: we set none, so the data plane learned it.
                    times.Timeout = IdleTimes.Of(reader.Number());
                    break;
                case 10:
                    times.Read(reader.Bytes());
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }

        if (isLearned ? times.Timeout == TimeSpan.Zero : times.AreGiven)
        {
            return null;
        }

        var table = pipeline.TryTable(tableId) ?? throw new WireException($"pipeline {pipeline.Name} has no table id 0x{tableId:x8}");
        if (_scratch.Length < table.KeySize)
        {
            _scratch = new byte[table.KeySize];
        }

        Matches(table, message);
        if (table.NeedsPriority)
        {
            if (priority < 0)
            {
                throw new WireException($"table {table.Alias} has an entry with priority {priority}");
            }

            BinaryPrimitives.WriteInt32BigEndian(_scratch.AsSpan(table.PriorityOffset), priority);
        }

        var action = hasAction ? Action(table, actionMessage) : table.KeyOnly;
        return Entry.Of(action, _scratch.AsSpan(0, table.KeySize + action.DataSize));
    }

    private void Matches(TableSchema table, ReadOnlySpan<byte> message)
    {
        ulong seen = 0;
        var reader = new WireReader(message);
        while (reader.Next())
        {
            if (reader.Field != 2)
            {
                reader.Skip();
                continue;
            }

            var match = reader.Bytes();
            var id = IdOf(match);
            var index = table.FindField(id);
            if (index < 0 || (seen & (1ul << index)) != 0)
            {
                throw new WireException(
                    $"table {table.Alias} has an entry with match field id {id} {(index < 0 ? "that it does not define" : "twice")}");
            }

            seen |= 1ul << index;
            Match(table, table.FieldArray[index], match);
        }

        for (var i = 0; i < table.FieldArray.Length; i++)
        {
            if ((seen & (1ul << i)) != 0)
            {
                continue;
            }

            var field = table.FieldArray[i];
            if (field.Kind == MatchKind.Exact)
            {
                throw new WireException($"table {table.Alias} has an entry without its exact field {field.Name}");
            }

            EntryLayout.SetAny(_scratch, field);
        }
    }

    private void Match(TableSchema table, MatchFieldSchema field, ReadOnlySpan<byte> message)
    {
        var expected = field.Kind switch
        {
            MatchKind.Exact => 2u,
            MatchKind.Ternary => 3u,
            MatchKind.Lpm => 4u,
            MatchKind.Range => 6u,
            _ => 7u,
        };
        ReadOnlySpan<byte> body = default;
        var found = false;
        var reader = new WireReader(message);
        while (reader.Next())
        {
            if (reader.Field == 1)
            {
                reader.Skip();
            }
            else if (reader.Field == expected)
            {
                body = reader.Bytes();
                found = true;
            }
            else
            {
                throw new WireException($"table {table.Alias} has an entry whose field {field.Name} is not {field.Kind}");
            }
        }

        if (!found)
        {
            throw new WireException($"table {table.Alias} has an entry whose field {field.Name} has no value");
        }

        ReadOnlySpan<byte> first = default;
        ReadOnlySpan<byte> second = default;
        ulong prefix = 0;
        reader = new WireReader(body);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1:
                    first = reader.Bytes();
                    break;
                case 2 when field.Kind == MatchKind.Lpm:
                    prefix = reader.Number();
                    break;
                case 2:
                    second = reader.Bytes();
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }

        Store(table, field, first, second, prefix);
    }

    private void Store(TableSchema table, MatchFieldSchema field, ReadOnlySpan<byte> first, ReadOnlySpan<byte> second, ulong prefix)
    {
        var offset = field.Offset;
        if (field.Kind == MatchKind.Optional)
        {
            _scratch[offset++] = 1;
        }

        var value = _scratch.AsSpan(offset, field.ByteWidth);
        var rest = _scratch.AsSpan(offset + field.ByteWidth);
        Pack(table, field.Name, first, field.BitWidth, value);
        switch (field.Kind)
        {
            case MatchKind.Lpm:
                if (prefix > (ulong)field.BitWidth)
                {
                    throw new WireException($"table {table.Alias} has an entry whose field {field.Name} has prefix length {prefix}");
                }

                BitString.MaskPrefix(value, field.BitWidth, (int)prefix);
                BinaryPrimitives.WriteUInt16BigEndian(rest, (ushort)prefix);
                break;
            case MatchKind.Ternary:
                Pack(table, field.Name, second, field.BitWidth, rest[..field.ByteWidth]);
                BitString.And(value, rest);
                break;
            case MatchKind.Range:
                Pack(table, field.Name, second, field.BitWidth, rest[..field.ByteWidth]);
                break;
        }
    }

    private static void Pack(TableSchema table, string name, ReadOnlySpan<byte> value, int bitWidth, Span<byte> destination)
    {
        if (!BitString.TryPack(value, bitWidth, destination))
        {
            throw new WireException($"table {table.Alias} has an entry whose {name} is empty or does not fit in {bitWidth} bits");
        }
    }

    private void EnsureScratch(int size)
    {
        if (_scratch.Length < size)
        {
            Array.Resize(ref _scratch, size);
        }
    }

    /// <summary>Field 1 of a message, which is the id in every part of a table entry (p4runtime.proto).</summary>
    private static uint IdOf(ReadOnlySpan<byte> message)
    {
        uint id = 0;
        var reader = new WireReader(message);
        while (reader.Next())
        {
            if (reader.Field == 1)
            {
                id = reader.Id();
            }
            else
            {
                reader.Skip();
            }
        }

        return id;
    }

    /// <summary>The fields about idle time.</summary>
    private struct IdleTimes
    {
        public TimeSpan Timeout;
        public TimeSpan Idle;
        private bool _hasIdle;

        public readonly bool AreGiven => _hasIdle || Timeout != TimeSpan.Zero;

        /// <summary>A number of nanoseconds, rounded up, so that no time is taken for none. A negative one counts as the longest.</summary>
        public static TimeSpan Of(ulong nanoseconds) => TimeSpan.FromTicks(
            (long)((Math.Min(nanoseconds, long.MaxValue) + TimeSpan.NanosecondsPerTick - 1) / TimeSpan.NanosecondsPerTick));

        public void Read(ReadOnlySpan<byte> message)
        {
            _hasIdle = true;
            var reader = new WireReader(message);
            while (reader.Next())
            {
                if (reader.Field == 1)
                {
                    Idle = Of(reader.Number());
                }
                else
                {
                    reader.Skip();
                }
            }
        }
    }
}

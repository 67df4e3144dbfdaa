using ACCOffload.SoftTarget.Server.Wire;
using P4.V1;

namespace ACCOffload.SoftTarget.Server.State;

internal sealed partial class EntryDecoder
{
    private const uint TableIdTag = 1 << 3;
    private const uint MatchTag = (2 << 3) | WireReader.BytesType;
    private const uint ActionTag = (3 << 3) | WireReader.BytesType;
    private const uint PriorityTag = 4 << 3;
    private const uint ControllerMetadataTag = 5 << 3;
    private const uint MeterConfigTag = (6 << 3) | WireReader.BytesType;
    private const uint CounterTag = (7 << 3) | WireReader.BytesType;
    private const uint IsDefaultTag = 8 << 3;
    private const uint IdleTimeoutTag = 9 << 3;
    private const uint LastHitTag = (10 << 3) | WireReader.BytesType;
    private const uint MetadataTag = (11 << 3) | WireReader.BytesType;
    private const uint MeterCounterTag = (12 << 3) | WireReader.BytesType;
    private const uint IsConstTag = 13 << 3;

    // An entry must fit in one message of a Read.
    private const int MaxMetadataBytes = 16 << 10;

    /// <summary>False if the entry is not in plain form (see <see cref="Decode"/>).</summary>
    private bool TryDecode(ReadOnlySpan<byte> entry, EntryUse use, bool normalized, out Outcome outcome)
    {
        Table = null!;
        HasMatch = false;
        IsDefault = false;
        ActionKind = EntryActionKind.None;
        OneShot = null;
        Counter = null;
        Extras = null;
        outcome = Outcome.Ok;
        var priority = 0;
        var isConst = false;
        var idleTimeout = 0L;
        var controllerMetadata = 0UL;
        var lastHit = false;
        var meter = false;
        var hasAction = false;
        ReadOnlySpan<byte> action = default;
        ReadOnlySpan<byte> metadata = default;
        var reader = new WireReader(entry);
        while (reader.Next(out var tag))
        {
            switch (tag)
            {
                case TableIdTag when Table is null:
                    outcome = Begin((uint)reader.Varint());
                    if (!outcome.IsOk)
                    {
                        return true;
                    }

                    break;
                case MatchTag when Table is not null:
                    var match = reader.Bytes();
                    if (!outcome.IsOk)
                    {
                        break;
                    }

                    if (!TryDecodeMatch(match, normalized, out outcome))
                    {
                        return false;
                    }

                    HasMatch = true;
                    break;
                case ActionTag when !hasAction:
                    action = reader.Bytes();
                    hasAction = true;
                    break;
                case PriorityTag:
                    priority = (int)reader.Varint();
                    break;
                case ControllerMetadataTag:
                    controllerMetadata = reader.Varint();
                    break;
                case CounterTag when Counter is null:
                    Counter = DecodeCounter(reader.Bytes());
                    break;
                case IsDefaultTag:
                    IsDefault = reader.Varint() != 0;
                    break;
                case IdleTimeoutTag:
                    idleTimeout = (long)reader.Varint();
                    break;
                case LastHitTag:
                    reader.Bytes();
                    lastHit = true;
                    break;
                case MetadataTag:
                    metadata = reader.Bytes();
                    break;
                case IsConstTag:
                    isConst = reader.Varint() != 0;
                    break;
                case MeterConfigTag or MeterCounterTag:
                    reader.Bytes();
                    meter = true;
                    break;
                default:
                    // A known field that is duplicated, out of order, or has another wire type.
                    if (!normalized && tag >> 3 is >= 1 and <= 13)
                    {
                        return false;
                    }

                    reader.Skip();
                    break;
            }
        }

        if (!outcome.IsOk)
        {
            return true;
        }

        outcome = Table is null ? Outcome.Invalid("table_id is missing") : FinishKey(priority, use);
        if (outcome.IsOk && use is (EntryUse.Insert or EntryUse.Modify))
        {
            outcome = FinishWrite(idleTimeout, lastHit, isConst, meter);
        }

        if (!outcome.IsOk || use is EntryUse.Delete or EntryUse.Find)
        {
            return true;
        }

        if (metadata.Length > MaxMetadataBytes)
        {
            outcome = Outcome.Invalid($"{Table!.Label}: metadata has {metadata.Length} bytes; the limit is {MaxMetadataBytes}");
            return true;
        }

        if (!metadata.IsEmpty || controllerMetadata != 0)
        {
            Extras = new EntryExtras(metadata.ToArray(), controllerMetadata);
        }

        return !hasAction || TryDecodeTableAction(action, normalized, out outcome);
    }

    private Outcome Begin(uint tableId)
    {
        if (!_pipeline.Tables.TryGetValue(tableId, out var table))
        {
            return tableId == 0 ? Outcome.Invalid("table_id is missing") : Outcome.Invalid($"table_id {tableId} is not in p4info");
        }

        Table = table;
        _key.AsSpan(0, table.KeyBytes).Clear();
        _high.AsSpan(0, table.KeyBytes).Clear();
        _mask.AsSpan(0, table.KeyBytes).Clear();
        _seen.AsSpan(0, table.Fields.Length).Clear();
        return Outcome.Ok;
    }

    private Outcome FinishKey(int priority, EntryUse use)
    {
        if (IsDefault)
        {
            Priority = 0;
            return HasMatch ? Outcome.Invalid($"table {Table.Name}: the default entry has no match fields")
                : priority != 0 ? Outcome.Invalid($"table {Table.Name}: the default entry has no priority")
                : Outcome.Ok;
        }

        if (Table.Fields.Length == 0)
        {
            return Outcome.Invalid($"table {Table.Name} has no key: only its default entry can be set");
        }

        for (var i = 0; i < Table.Fields.Length; i++)
        {
            if (_seen[i])
            {
                continue;
            }

            var field = Table.Fields[i];
            if (!field.MayBeOmitted)
            {
                return Outcome.Invalid($"table {Table.Name}: match field {field.Name} is missing");
            }

            if (field.Type == P4.Config.V1.MatchField.Types.MatchType.Range)
            {
                BitString.FillLow(_high.AsSpan(field.Offset, field.Bytes), field.Bits);
            }
        }

        if (Table.NeedsPriority ? priority <= 0 : priority != 0)
        {
            return Outcome.Invalid(Table.NeedsPriority
                ? $"table {Table.Name}: priority must be above 0 because the table has ternary, range or optional fields"
                : $"table {Table.Name}: priority must be 0 because the table has no ternary, range or optional field");
        }

        Priority = (uint)priority;
        return Outcome.Ok;
    }

    private Outcome FinishWrite(long idleTimeout, bool lastHit, bool isConst, bool meter)
    {
        if (isConst)
        {
            return Outcome.Invalid($"table {Table.Name}: is_const can't be written");
        }

        if (lastHit)
        {
            return Outcome.Invalid($"table {Table.Name}: time_since_last_hit can't be written");
        }

        if (idleTimeout != 0)
        {
            return Table.HasIdleTimeout && !IsDefault
                ? Outcome.Unimplemented($"table {Table.Name}: this target does not track idle times of entries")
                : Outcome.Invalid($"table {Table.Name} has no idle timeout");
        }

        if (meter)
        {
            return Outcome.Invalid($"table {Table.Name} has no direct meter");
        }

        return Counter is not null && Table.DirectCounter is null
            ? Outcome.Invalid($"table {Table.Name} has no direct counter")
            : Outcome.Ok;
    }

    private static CounterData DecodeCounter(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return CounterData.Parser.ParseFrom(bytes);
        }
        catch (Google.Protobuf.InvalidProtocolBufferException e)
        {
            throw new WireException(e.Message);
        }
    }
}

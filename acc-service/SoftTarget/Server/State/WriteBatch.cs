using ACCOffload.SoftTarget.Engine;
using ACCOffload.SoftTarget.Server.Wire;
using Google.Protobuf;
using P4.V1;

namespace ACCOffload.SoftTarget.Server.State;

/// <summary>
/// Applies the updates of one Write as one change of the engine's tables: packets see the whole batch at once, whatever atomicity was
/// requested. A failed update has no effect; in an all-or-nothing batch it also rolls back the others.
/// </summary>
internal sealed partial class WriteBatch
{
    private readonly PipelineState _state;
    private readonly SwxUpdate _update;
    private readonly Journal _journal = new();
    private readonly EntryDecoder _entry;

    private WriteBatch(PipelineState state, SwxUpdate update)
    {
        _state = state;
        _update = update;
        _entry = state.Decoder;
    }

    /// <summary>Applies the batch.</summary>
    /// <returns>An outcome for each update, or null if all succeeded.</returns>
    /// <exception cref="WireException">The bytes are not a WriteRequest; nothing was changed.</exception>
    public static Outcome[]? Apply(PipelineState state, WriteFrame frame, int updates)
    {
        using var update = state.Engine.BeginUpdate();
        var batch = new WriteBatch(state, update);
        try
        {
            var failures = batch.Run(frame, updates);
            if (failures is not null && frame.Atomicity != WriteRequest.Types.Atomicity.ContinueOnError)
            {
                batch._journal.RollbackTo(default);
                for (var i = 0; i < failures.Length; i++)
                {
                    failures[i] = failures[i].IsOk ? Outcome.Aborted : failures[i];
                }

                return failures;
            }

            state.Engine.Commit(update);
            batch._journal.Commit();
            return failures;
        }
        catch
        {
            batch._journal.RollbackTo(default);
            throw;
        }
    }

    private Outcome[]? Run(WriteFrame frame, int updates)
    {
        Outcome[]? failures = null;
        var all = frame.Atomicity == WriteRequest.Types.Atomicity.ContinueOnError;
        var reader = new WireReader(frame.Bytes);
        var index = 0;
        while (reader.Next(out var tag))
        {
            if (tag != WriteFrame.UpdateTag)
            {
                reader.Skip();
                continue;
            }

            var changes = _update.Changes;
            var mark = _journal.Mark;
            var outcome = Apply(reader.Bytes(), normalized: false);
            if (!outcome.IsOk)
            {
                if (_update.Changes != changes)
                {
                    _update.RollbackTo(changes);
                }

                _journal.RollbackTo(mark);
                failures ??= new Outcome[updates];
                failures[index] = outcome;
                if (!all)
                {
                    return failures;
                }
            }

            index++;
        }

        return failures;
    }

    private Outcome Apply(ReadOnlySpan<byte> update, bool normalized)
    {
        var type = Update.Types.Type.Unspecified;
        ReadOnlySpan<byte> entity = default;
        var hasEntity = false;
        var reader = new WireReader(update);
        while (reader.Next(out var tag))
        {
            switch (tag)
            {
                case 1 << 3:
                    type = (Update.Types.Type)reader.Varint();
                    break;
                case (2 << 3) | WireReader.BytesType when !hasEntity:
                    entity = reader.Bytes();
                    hasEntity = true;
                    break;
                default:
                    if (!normalized && tag >> 3 is 1 or 2)
                    {
                        return Apply(Normalize(update), normalized: true);
                    }

                    reader.Skip();
                    break;
            }
        }

        if (type is not (Update.Types.Type.Insert or Update.Types.Type.Modify or Update.Types.Type.Delete))
        {
            return Outcome.Invalid($"update type {type} is not INSERT, MODIFY or DELETE");
        }

        var kind = 0u;
        ReadOnlySpan<byte> body = default;
        reader = new WireReader(entity);
        while (reader.Next(out var tag))
        {
            if (kind != 0 && !normalized)
            {
                return Apply(Normalize(update), normalized: true);
            }

            if ((tag & 7) == WireReader.BytesType)
            {
                kind = tag >> 3;
                body = reader.Bytes();
            }
            else
            {
                reader.Skip();
            }
        }

        return ApplyEntity(type, kind, body);
    }

    private Outcome ApplyEntity(Update.Types.Type type, uint kind, ReadOnlySpan<byte> body)
        => (Entity.EntityOneofCase)kind switch
        {
            Entity.EntityOneofCase.TableEntry => ApplyTableEntry(type, body),
            Entity.EntityOneofCase.ActionProfileMember => ApplyMember(type, Parse(ActionProfileMember.Parser, body)),
            Entity.EntityOneofCase.ActionProfileGroup => ApplyGroup(type, Parse(ActionProfileGroup.Parser, body)),
            Entity.EntityOneofCase.CounterEntry => ApplyCounter(type, Parse(CounterEntry.Parser, body)),
            Entity.EntityOneofCase.DirectCounterEntry => ApplyDirectCounter(type, Parse(DirectCounterEntry.Parser, body)),
            Entity.EntityOneofCase.RegisterEntry => ApplyRegister(type, Parse(RegisterEntry.Parser, body)),
            Entity.EntityOneofCase.None => Outcome.Invalid("the update has no entity"),
            _ => Outcome.Unimplemented($"entities of kind {kind} are not supported: this target has no such externs"),
        };

    private static byte[] Normalize(ReadOnlySpan<byte> update) => Parse(Update.Parser, update).ToByteArray();

    private static T Parse<T>(MessageParser<T> parser, ReadOnlySpan<byte> bytes)
        where T : IMessage<T>
    {
        try
        {
            return parser.ParseFrom(bytes);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new WireException(e.Message);
        }
    }
}

namespace ACCOffload.SoftTarget.Engine;

public sealed unsafe partial class SwxWorker
{
    private ISwxTraceSink? _sink;

    private void CountPacket(SwxVerdict verdict)
    {
        Counters.Received++;
        if (verdict == SwxVerdict.Transmit)
        {
            Counters.Transmitted++;
        }
    }

    private void Note(string kind, string subject, ulong value, string text) => _sink!.OnStep(new SwxNoteStep(kind, subject, value, text));

    private void NoteHeader(string kind, int header, int bytes)
    {
        var name = _pipeline.Program.Headers[header].Name;
        Note(kind, name, (ulong)bytes, $"{kind} {name}, {bytes} bytes");
    }

    private void NoteRegister(string kind, int array, ulong index)
    {
        var name = _pipeline.Program.RegisterArrays[array].Name;
        Note(kind, name, index, $"{kind} {name}[{index}]");
    }

    private void NoteTable(int index, bool hit, int action)
    {
        var table = _pipeline.Program.Tables[index];
        NoteLookup(table.Name, table.Key, _pipeline.Program.TableKeys[index], hit, action);
    }

    private void NoteLearner(int index, bool hit, int action)
    {
        var learner = _pipeline.Program.Learners[index];
        NoteLookup(learner.Name, learner.Key, _pipeline.Program.LearnerKeys[index], hit, action);
    }

    private void NoteLookup(string name, IReadOnlyList<SwxKeyField> key, KeyLayout layout, bool hit, int action)
    {
        var values = new SwxTraceValue[key.Count];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = Read(key[i].Name, layout.Operands[i]);
        }

        var run = _pipeline.Program.Actions[action];
        var arguments = new SwxTraceValue[run.Arguments.Count];
        for (var i = 0; i < arguments.Length; i++)
        {
            arguments[i] = Read(run.Arguments[i].Name, new Operand(Operand.ActionData, run.Arguments[i]));
        }

        _sink!.OnStep(new SwxTableStep(name, values, hit, run.Name, arguments));
    }

    private void NoteSelector(int index, uint group, uint member)
    {
        var selector = _pipeline.Program.Selectors[index];
        var layout = _pipeline.Program.SelectorLayouts[index];
        var key = new List<SwxTraceValue> { Read(selector.GroupIdField, layout.GroupId) };
        for (var i = 0; i < layout.Fields.Count; i++)
        {
            key.Add(Read(selector.SelectorFields[i], layout.Fields[i]));
        }

        var found = _set!.Selectors[index].Get(group).Length > 0;
        var value = new byte[sizeof(uint)];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(value, member);
        _sink!.OnStep(new SwxTableStep(selector.Name, key, found, "", [new SwxTraceValue(selector.MemberIdField, 32, value)]));
    }

    private void NoteLoss(Loss loss)
    {
        var (kind, text) = loss switch
        {
            Loss.Truncated => ("truncated", "the packet ends within a header"),
            Loss.NoHeadroom => ("no-headroom", "the packet exceeded its buffer's headroom"),
            Loss.Endless => ("endless", "the packet exceeded the limit of jumps or recirculations"),
            _ => ("fault", "undefined behavior of the program"),
        };
        Note(kind, "", 0, text);
    }

    private void NoteFate(SwxVerdict verdict, Loss loss, uint port, int length)
    {
        if (verdict == SwxVerdict.Transmit)
        {
            Note("transmit", "", port, $"sent to port {port}, {length} bytes");
        }
        else if (loss == Loss.None)
        {
            Note("drop", "", 0, "dropped");
        }
    }

    private SwxTraceValue Read(string name, Operand operand)
    {
        var value = new ReadOnlySpan<byte>(_structs[operand.Struct] + operand.Offset, operand.Field.Bytes).ToArray();
        if (!operand.BigEndian)
        {
            Array.Reverse(value);
        }

        return new SwxTraceValue(name, operand.Bits, value);
    }
}

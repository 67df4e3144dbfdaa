namespace ACCOffload.SoftTarget.Engine;

internal sealed partial class SpecCompiler
{
    private void TranslateTable(SpecLine line)
    {
        var tokens = line.Tokens;
        switch (line.Keyword)
        {
            case "table":
                Count(line, 2, "table NAME");
                OnlyInApply(line);
                if (_scope.Tables.TryGetValue(tokens[1], out var table))
                {
                    Emit(new Instruction { Op = Opcode.Table, Index = table.Index });
                }
                else if (_scope.Selectors.TryGetValue(tokens[1], out var selector))
                {
                    Emit(new Instruction { Op = Opcode.Selector, Index = selector.Index });
                }
                else if (_scope.Learners.TryGetValue(tokens[1], out var learner))
                {
                    Emit(new Instruction { Op = Opcode.Learner, Index = learner.Index });
                }
                else
                {
                    throw line.Error($"'{SpecLexer.Shorten(tokens[1])}' is not a table, selector or learner");
                }

                break;
            case "learn":
                TranslateLearn(line);
                break;
            case "rearm":
                OnlyInAction(line);
                if (tokens.Length == 1)
                {
                    Emit(new Instruction { Op = Opcode.Rearm });
                }
                else if (tokens.Length == 2)
                {
                    Emit(Fields(Opcode.RearmNew, _scope.MetadataWord(line, tokens[1], "timeout id")));
                }
                else
                {
                    throw line.Error("expected 'rearm' or 'rearm m.TIMEOUT_ID'");
                }

                break;
            case "forget":
                Count(line, 1, "forget");
                OnlyInAction(line);
                _forgets[_action!.Index] = true;
                Emit(new Instruction { Op = Opcode.Forget });
                break;
            default:
                Count(line, 2, "entryid m.FIELD");
                Emit(Fields(Opcode.EntryId, _scope.MetadataWord(line, tokens[1], "destination")));
                break;
        }
    }

    private void TranslateLearn(SpecLine line)
    {
        var tokens = line.Tokens;
        if (tokens.Length is not (3 or 4))
        {
            throw line.Error("expected 'learn ACTION [m.FIRST_ARGUMENT] m.TIMEOUT_ID'");
        }

        OnlyInAction(line);
        var action = _scope.Action(line, tokens[1]);
        _learns[_action!.Index].Add(action.Index);
        var timeout = _scope.MetadataWord(line, tokens[^1], "timeout id");
        var offset = 0;
        if (action.Arguments.Count > 0 != (tokens.Length == 4))
        {
            throw line.Error(tokens.Length == 4 ? $"action '{action.Name}' has no arguments"
                : $"the first argument of action '{action.Name}' is missing");
        }

        if (tokens.Length == 4)
        {
            var first = _scope.MetadataWord(line, tokens[2], "first argument");
            offset = first.Offset;
            var fields = _scope.Metadata.Fields;
            var at = Enumerable.Range(0, fields.Count).First(i => fields[i] == first.Field);
            for (var i = 0; i < action.Arguments.Count; i++)
            {
                if (at + i >= fields.Count || fields[at + i].Bits != action.Arguments[i].Bits)
                {
                    throw line.Error(
                        $"argument '{action.Arguments[i].Name}' of action '{action.Name}' has no metadata field of its width "
                        + $"in the sequence that begins at '{SpecLexer.Shorten(tokens[2])}'");
                }
            }
        }
        Emit(Fields(Opcode.Learn, timeout) with { Index = action.Index, OffsetB = offset });
    }

    private void TranslateState(SpecLine line)
    {
        var tokens = line.Tokens;
        switch (line.Keyword)
        {
            case "regprefetch":
                Count(line, 3, "regprefetch ARRAY INDEX");
                _ = RegisterArray(line, tokens[1]);
                WithIndex(line, tokens[2], default);
                Emit(new Instruction { Op = Opcode.Nop });
                break;
            case "metprefetch":
                Count(line, 3, "metprefetch ARRAY INDEX");
                _ = MeterArray(line, tokens[1]);
                WithIndex(line, tokens[2], default);
                Emit(new Instruction { Op = Opcode.Nop });
                break;
            case "regrd":
                Count(line, 4, "regrd DESTINATION ARRAY INDEX");
                var to = _scope.Word(line, tokens[1], null, "destination");
                var read = new Instruction { Op = Opcode.RegisterRead, Index = RegisterArray(line, tokens[2]).Index };
                Emit(WithIndex(line, tokens[3], read) with { StructB = (ushort)to.Struct, OffsetB = to.Offset, CodeB = to.Code });
                break;
            case "regwr" or "regadd":
                Count(line, 4, line.Keyword + " ARRAY INDEX SOURCE");
                var write = new Instruction
                {
                    Op = line.Keyword == "regwr" ? Opcode.RegisterWrite : Opcode.RegisterAdd,
                    Index = RegisterArray(line, tokens[1]).Index,
                };
                Emit(WithSource(line, tokens[3], WithIndex(line, tokens[2], write), "source"));
                if (write.Index != 0 && !_scope.TryField(tokens[2], Arguments, out _) && !_scope.TryField(tokens[3], Arguments, out _))
                {
                    _warnings.Add(
                        $"line {line.Number}: '{line.Keyword}' with two constants; DPDK 22.11 uses the program's first register array");
                }

                break;
            default:
                TranslateMeter(line);
                break;
        }
    }

    private void TranslateMeter(SpecLine line)
    {
        var tokens = line.Tokens;
        Count(line, 6, "meter ARRAY INDEX LENGTH COLOR_IN COLOR_OUT");
        var meter = WithIndex(line, tokens[2], new Instruction { Op = Opcode.Meter, Index = MeterArray(line, tokens[1]).Index });
        // p4c-dpdk emits constant lengths, which DPDK 22.11 does not support.
        meter = WithSource(line, tokens[3], meter, "length");
        var colorOut = _scope.Word(line, tokens[5], null, "color out");
        if (colorOut.IsHeader)
        {
            throw line.Error("color out can't be a header field");
        }
        // The operands don't fit in one instruction: the next one carries the colors.
        Emit(meter);
        var colors = Fields(Opcode.Nop, colorOut);
        if (_scope.TryField(tokens[4], Arguments, out _))
        {
            var colorIn = NonHeaderWord(line, tokens[4], "color in");
            Emit(colors with { StructB = (ushort)colorIn.Struct, OffsetB = colorIn.Offset, CodeB = colorIn.Code });
        }
        else
        {
            Emit(colors with { CodeB = FieldAccess.Constant, Immediate = Constant(line, tokens[4]) });
        }
    }

    private Instruction WithIndex(SpecLine line, string token, Instruction instruction)
    {
        if (_scope.TryField(token, Arguments, out _))
        {
            var index = _scope.Word(line, token, Arguments, "index");
            return instruction with { StructA = (ushort)index.Struct, OffsetA = index.Offset, CodeA = index.Code };
        }
        var value = SpecLexer.Number(line, token, "index", 0, uint.MaxValue);
        return instruction with { CodeA = FieldAccess.Constant, OffsetA = unchecked((int)value) };
    }

    private Instruction WithSource(SpecLine line, string token, Instruction instruction, string what)
    {
        if (!_scope.TryField(token, Arguments, out _))
        {
            return instruction with { CodeB = FieldAccess.Constant, Immediate = Constant(line, token) };
        }

        var from = _scope.Word(line, token, Arguments, what);
        return instruction with { StructB = (ushort)from.Struct, OffsetB = from.Offset, CodeB = from.Code };
    }

    private SwxRegisterArray RegisterArray(SpecLine line, string name)
        => _scope.RegisterArrays.GetValueOrDefault(name) ?? throw line.Error($"'{SpecLexer.Shorten(name)}' is not a register array");

    private SwxMeterArray MeterArray(SpecLine line, string name)
        => _scope.MeterArrays.GetValueOrDefault(name) ?? throw line.Error($"'{SpecLexer.Shorten(name)}' is not a meter array");
}

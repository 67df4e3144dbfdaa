namespace ACCOffload.SoftTarget.Engine;

internal sealed partial class SpecCompiler
{
    private void TranslatePacket(SpecLine line)
    {
        var tokens = line.Tokens;
        switch (line.Keyword)
        {
            case "rx":
                Count(line, 2, "rx m.FIELD");
                OnlyInApply(line);
                if (_code.Count != 0)
                {
                    throw line.Error("rx is allowed only at the beginning");
                }

                Emit(Fields(Opcode.Rx, _scope.MetadataWord(line, tokens[1], "port")));
                break;
            case "tx":
                Count(line, 2, "tx m.FIELD|PORT");
                if (SpecLexer.TryNumber(tokens[1], out _))
                {
                    Emit(new Instruction
                    {
                        Op = Opcode.TxImmediate,
                        Immediate = SpecLexer.Number(line, tokens[1], "port", 0, uint.MaxValue),
                    });
                }
                else
                {
                    Emit(Fields(Opcode.Tx, _scope.MetadataWord(line, tokens[1], "port")));
                }

                break;
            case "drop":
                Count(line, 1, "drop");
                Emit(new Instruction { Op = Opcode.Drop });
                break;
            case "mirror":
                Count(line, 3, "mirror SLOT SESSION");
                Emit(Fields(Opcode.Mirror, NonHeaderWord(line, tokens[1], "slot"), NonHeaderWord(line, tokens[2], "session")));
                break;
            case "recirculate":
                Count(line, 1, "recirculate");
                Emit(new Instruction { Op = Opcode.Recirculate });
                break;
            case "recircid":
                Count(line, 2, "recircid m.FIELD");
                Emit(Fields(Opcode.PassId, _scope.MetadataWord(line, tokens[1], "pass ID")));
                break;
            case "extract":
                TranslateExtract(line);
                break;
            case "lookahead":
                Count(line, 2, "lookahead h.HEADER");
                OnlyInApply(line);
                var lookaheadHeader = _scope.Header(line, tokens[1]);
                if (lookaheadHeader.Type.IsVariable)
                {
                    throw line.Error($"header '{lookaheadHeader.Name}' has a variable width");
                }

                Emit(new Instruction { Op = Opcode.Lookahead, Index = lookaheadHeader.Index, Extra = lookaheadHeader.Type.Bytes });
                break;
            default:
                Count(line, 2, line.Keyword + " h.HEADER");
                var header = _scope.Header(line, tokens[1]);
                var op = line.Keyword switch { "emit" => Opcode.Emit, "validate" => Opcode.Validate, _ => Opcode.Invalidate };
                Emit(new Instruction { Op = op, Index = header.Index, Extra = header.Type.Bytes });
                break;
        }
    }

    private void TranslateExtract(SpecLine line)
    {
        if (line.Tokens.Length is not (2 or 3))
        {
            throw line.Error("expected 'extract h.HEADER' or 'extract h.HEADER m.LENGTH'");
        }

        OnlyInApply(line);
        var header = _scope.Header(line, line.Tokens[1]);
        if (header.Type.IsVariable != (line.Tokens.Length == 3))
        {
            throw line.Error(
                header.Type.IsVariable ? $"header '{header.Name}' requires a length" : $"header '{header.Name}' has a fixed width");
        }

        if (!header.Type.IsVariable)
        {
            Emit(new Instruction { Op = Opcode.Extract, Index = header.Index, Extra = header.Type.Bytes });
            return;
        }
        var length = _scope.MetadataWord(line, line.Tokens[2], "length");
        Emit(Fields(Opcode.ExtractVariable, length) with { Index = header.Index, Extra = header.Type.MinimumBytes });
    }

    private Operand NonHeaderWord(SpecLine line, string name, string what)
    {
        var operand = _scope.Word(line, name, Arguments, what);
        return operand.IsHeader ? throw line.Error($"{what} can't be a header field") : operand;
    }
}

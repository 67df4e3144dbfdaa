namespace ACCOffload.SoftTarget.Engine;

internal sealed partial class SpecCompiler
{
    private void TranslateMove(SpecLine line)
    {
        Count(line, 3, "mov DESTINATION SOURCE");
        var to = _scope.Field(line, line.Tokens[1], null, "destination");
        if (_scope.TryField(line.Tokens[2], Arguments, out _))
        {
            EmitMove(line, to, _scope.Field(line, line.Tokens[2], Arguments, "source"));
            return;
        }
        if (to.Bits > 64)
        {
            throw line.Error($"destination '{SpecLexer.Shorten(line.Tokens[1])}' has {to.Bits} bits; a constant has at most 64");
        }

        var value = Constant(line, line.Tokens[2]);
        var op = to.Bits switch
        {
            8 => Opcode.Set8,
            16 => Opcode.Set16,
            32 => Opcode.Set32,
            48 => Opcode.Set48,
            64 => Opcode.Set64,
            _ => Opcode.Set,
        };
        Emit(Fields(op, to) with { Immediate = op == Opcode.Set ? value : FieldAccess.Raw(value, to.Code) });
    }

    private void EmitMove(SpecLine line, Operand to, Operand from)
    {
        if (to.Bits <= 64 && from.Bits <= 64)
        {
            var op = Opcode.Move;
            if (to.Bits == from.Bits)
            {
                var same = to.Code == from.Code;
                op = to.Bits switch
                {
                    8 => Opcode.Move8,
                    16 => same ? Opcode.Move16 : Opcode.Swap16,
                    32 => same ? Opcode.Move32 : Opcode.Swap32,
                    48 => same ? Opcode.Move48 : Opcode.Swap48,
                    64 => same ? Opcode.Move64 : Opcode.Swap64,
                    _ => Opcode.Move,
                };
            }
            Emit(Fields(op, to, from));
        }
        else if (to.Bits == from.Bits)
        {
            Emit(Fields(Opcode.MoveBytes, to, from) with { Extra = to.Field.Bytes });
        }
        else if (to.Bits == 64 && from.Bits == 128)
        {
            Emit(Fields(Opcode.MoveLowHalf, to, from));
        }
        else if (to.Bits == 128 && from.Bits == 64)
        {
            Emit(Fields(Opcode.MoveToLowHalf, to, from));
        }
        else
        {
            throw line.Error($"can't move {from.Bits} bits to {to.Bits} bits");
        }
    }

    /// <summary>Moves the upper half of a 128-bit field to or from a 64-bit field; newer than DPDK 22.11, but p4c-dpdk emits it.</summary>
    private void TranslateMoveHigh(SpecLine line)
    {
        Count(line, 3, "movh DESTINATION SOURCE");
        var to = _scope.Field(line, line.Tokens[1], null, "destination");
        var from = _scope.Field(line, line.Tokens[2], Arguments, "source");
        var op = (to.Bits, from.Bits) switch
        {
            (64, 128) => Opcode.MoveHighHalf,
            (128, 64) => Opcode.MoveToHighHalf,
            _ => throw line.Error("movh requires a field of 64 bits and a field of 128 bits"),
        };
        Emit(Fields(op, to, from));
    }

    private void TranslateAlu(SpecLine line)
    {
        Count(line, 3, line.Keyword + " DESTINATION SOURCE");
        var to = _scope.Word(line, line.Tokens[1], null, "destination");
        var op = line.Keyword switch
        {
            "add" => Opcode.Add,
            "sub" => Opcode.Subtract,
            "and" => Opcode.And,
            "or" => Opcode.Or,
            "xor" => Opcode.Xor,
            "shl" => Opcode.ShiftLeft,
            _ => Opcode.ShiftRight,
        };
        if (_scope.TryField(line.Tokens[2], Arguments, out _))
        {
            Emit(Fields(op, to, _scope.Word(line, line.Tokens[2], Arguments, "source")));
            return;
        }
        var value = Constant(line, line.Tokens[2]);
        Emit(Fields(op - Opcode.Add + Opcode.AddImmediate, to) with { Immediate = value });
    }

    private void TranslateChecksum(SpecLine line)
    {
        Count(line, 3, line.Keyword + " h.HEADER.FIELD h.HEADER[.FIELD]");
        var to = _scope.Field(line, line.Tokens[1], null, "destination");
        if (!to.IsHeader || to.Bits != 16)
        {
            throw line.Error("the destination must be a header field of 16 bits");
        }

        if (line.Keyword == "ckadd" && _scope.TryHeader(line.Tokens[2]) is { } header)
        {
            var structure = (ushort)(Operand.FirstHeader + header.Index);
            Emit(Fields(Opcode.ChecksumAddHeader, to) with { Index = header.Index, StructB = structure });
            return;
        }
        var from = _scope.Word(line, line.Tokens[2], null, "source");
        if (!from.IsHeader)
        {
            throw line.Error("the source must be a header field");
        }
        // The sum is over the bytes in memory order: load them unswapped.
        Emit(Fields(line.Keyword == "ckadd" ? Opcode.ChecksumAddField : Opcode.ChecksumSubtractField, to, from) with
        {
            CodeB = FieldAccess.Code(from.Bits, bigEndian: false),
        });
    }

    private void TranslateHash(SpecLine line)
    {
        Count(line, 5, line.Keyword + " NAME m.DESTINATION FIRST LAST");
        var to = _scope.MetadataWord(line, line.Tokens[2], "destination");
        var first = _scope.Field(line, line.Tokens[3], Arguments, "first field");
        var last = _scope.Field(line, line.Tokens[4], Arguments, "last field");
        var length = last.Offset + last.Field.Bytes - first.Offset;
        if (first.Struct != last.Struct || last.Offset < first.Offset)
        {
            throw line.Error("first and last must be fields of one structure, in that order");
        }

        if (first.Struct == Operand.ActionData)
        {
            throw line.Error("a hash over action arguments is not supported");
        }

        Opcode op;
        var index = 0;
        if (line.Keyword == "rss")
        {
            if (!_scope.Rss.TryGetValue(line.Tokens[1], out index))
            {
                throw line.Error($"'{SpecLexer.Shorten(line.Tokens[1])}' is not an rss object");
            }

            op = Opcode.HashToeplitz;
        }
        else
        {
            op = line.Tokens[1] switch
            {
                "crc32" => Opcode.HashCrc32,
                "jhash" => Opcode.HashJenkins,
                _ => throw line.Error($"unknown hash function '{SpecLexer.Shorten(line.Tokens[1])}'"),
            };
        }
        if (to.Offset >= 32)
        {
            _warnings.Add(
                $"line {line.Number}: the hash goes to metadata byte {to.Offset}; DPDK 22.11 writes correctly only below byte 32");
        }

        Emit(Fields(op, to, first) with { Extra = length, Index = index });
    }

    private static ulong Constant(SpecLine line, string token)
        => SpecLexer.TryNumber(token, out var value) ? value
            : throw line.Error($"'{SpecLexer.Shorten(token)}' is neither a field nor a number of up to 64 bits");
}

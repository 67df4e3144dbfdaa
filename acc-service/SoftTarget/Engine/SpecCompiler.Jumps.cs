namespace ACCOffload.SoftTarget.Engine;

internal sealed partial class SpecCompiler
{
    private void TranslateJump(SpecLine line)
    {
        var tokens = line.Tokens;
        switch (line.Keyword)
        {
            case "jmp":
                Count(line, 2, "jmp LABEL");
                EmitJump(new Instruction { Op = Opcode.Jump }, tokens[1], line);
                break;
            case "jmpv" or "jmpnv":
                Count(line, 3, line.Keyword + " LABEL h.HEADER");
                var header = _scope.Header(line, tokens[2]);
                var op = line.Keyword == "jmpv" ? Opcode.JumpValid : Opcode.JumpInvalid;
                EmitJump(new Instruction { Op = op, Index = header.Index }, tokens[1], line);
                break;
            case "jmph" or "jmpnh":
                Count(line, 2, line.Keyword + " LABEL");
                OnlyInApply(line);
                EmitJump(new Instruction { Op = line.Keyword == "jmph" ? Opcode.JumpHit : Opcode.JumpMiss }, tokens[1], line);
                break;
            case "jmpa" or "jmpna":
                Count(line, 3, line.Keyword + " LABEL ACTION");
                OnlyInApply(line);
                var action = _scope.Action(line, tokens[2]);
                EmitJump(
                    new Instruction { Op = line.Keyword == "jmpa" ? Opcode.JumpAction : Opcode.JumpNotAction, Index = action.Index },
                        tokens[1], line);
                break;
            case "jmpeq" or "jmpneq" or "jmplt" or "jmpgt":
                TranslateCompare(line);
                break;
            default:
                throw line.Error($"unknown instruction '{SpecLexer.Shorten(line.Keyword)}'");
        }
    }

    private void TranslateCompare(SpecLine line)
    {
        var tokens = line.Tokens;
        Count(line, 4, line.Keyword + " LABEL A B");
        var a = _scope.Word(line, tokens[2], Arguments, "first operand");
        var op = line.Keyword switch
        {
            "jmpeq" => Opcode.JumpEqual,
            "jmpneq" => Opcode.JumpNotEqual,
            "jmplt" => Opcode.JumpLess,
            _ => Opcode.JumpGreater,
        };
        if (_scope.TryField(tokens[3], Arguments, out _))
        {
            EmitJump(Fields(op, a, _scope.Word(line, tokens[3], Arguments, "second operand")), tokens[1], line);
            return;
        }
        var value = Constant(line, tokens[3]);
        if (op is Opcode.JumpEqual or Opcode.JumpNotEqual)
        {
            // As in DPDK, the constant is truncated to the width of a header field, but compared in full with any other field.
            if (a.IsHeader)
            {
                value &= FieldAccess.Mask(a.Bits);
            }

            if (value <= FieldAccess.Mask(a.Bits) && a.Bits is 8 or 16 or 32)
            {
                var first = op == Opcode.JumpEqual ? Opcode.JumpEqual8 : Opcode.JumpNotEqual8;
                EmitJump(Fields((Opcode)((int)first + a.Bits / 16), a) with { Immediate = FieldAccess.Raw(value, a.Code) }, tokens[1],
                    line);
                return;
            }
        }
        EmitJump(Fields(op - Opcode.JumpEqual + Opcode.JumpEqualImmediate, a) with { Immediate = value }, tokens[1], line);
    }
}

namespace ACCOffload.SoftTarget.Engine;

/// <summary>The compiled program: the apply block first, then the actions.</summary>
internal sealed class CompiledCode
{
    /// <summary>Pinned.</summary>
    public required Instruction[] Instructions { get; init; }

    /// <summary>First instruction of each action.</summary>
    public required int[] ActionEntries { get; init; }

    /// <summary>Actions that each action learns.</summary>
    public required List<int>[] Learns { get; init; }

    /// <summary>Whether each action forgets.</summary>
    public required bool[] Forgets { get; init; }
}

/// <summary>Compiles the instruction lines of the apply block and of the actions.</summary>
internal sealed partial class SpecCompiler
{
    private const int MaxInstructions = 1 << 20;

    private readonly SpecScope _scope;
    private readonly List<string> _warnings;
    private readonly List<Instruction> _code = [];
    private readonly List<int>[] _learns;
    private readonly bool[] _forgets;

    // State of the current block.
    private readonly Dictionary<string, int> _labels = new(StringComparer.Ordinal);
    private readonly List<(int Instruction, string Label, SpecLine Line)> _jumps = [];
    private SwxAction? _action;

    private SpecCompiler(SpecScope scope, List<string> warnings)
    {
        _scope = scope;
        _warnings = warnings;
        _learns = new List<int>[scope.Actions.Count];
        _forgets = new bool[scope.Actions.Count];
        for (var i = 0; i < _learns.Length; i++)
        {
            _learns[i] = [];
        }
    }

    private SwxStruct? Arguments => _action?.ArgumentStruct;

    public static CompiledCode Compile(SpecDocument document, SpecScope scope, List<string> warnings)
    {
        var compiler = new SpecCompiler(scope, warnings);
        compiler.CompileApply(document);
        var entries = new int[scope.Actions.Count];
        foreach (var raw in document.Actions)
        {
            var action = scope.Actions[raw.Name];
            entries[action.Index] = compiler._code.Count;
            compiler.CompileAction(raw, action);
        }
        var instructions = GC.AllocateArray<Instruction>(compiler._code.Count, pinned: true);
        compiler._code.CopyTo(instructions);
        return new CompiledCode
        {
            Instructions = instructions,
            ActionEntries = entries,
            Learns = compiler._learns,
            Forgets = compiler._forgets,
        };
    }

    private void CompileApply(SpecDocument document)
    {
        var body = document.Apply!;
        _action = null;
        var start = CompileBlock(body);
        var count = _code.Count - start;
        if (count == 0 || _code[start].Op != Opcode.Rx)
        {
            throw new SpecException(document.ApplyLine, "the apply block must begin with rx");
        }

        if (!Enumerable.Range(start, count).Any(i => _code[i].Op is Opcode.Tx or Opcode.TxImmediate or Opcode.Drop))
        {
            throw new SpecException(document.ApplyLine, "the apply block has neither tx nor drop");
        }

        if (_code[^1].Op is not (Opcode.Tx or Opcode.TxImmediate or Opcode.Drop or Opcode.Jump))
        {
            throw new SpecException(body[^1].Number, "the apply block must end with tx, drop or jmp");
        }

        _code.Add(new Instruction { Op = Opcode.Fault });
    }

    private void CompileAction(RawAction raw, SwxAction action)
    {
        _action = action;
        var start = CompileBlock(raw.Body);
        if (!Enumerable.Range(start, _code.Count - start).Any(
            i => _code[i].Op is Opcode.Return or Opcode.Tx or Opcode.TxImmediate or Opcode.Drop))
        {
            throw raw.Head.Error($"action '{SpecLexer.Shorten(raw.Name)}' has no return, tx or drop");
        }

        _code.Add(new Instruction { Op = Opcode.Fault });
    }

    private int CompileBlock(List<SpecLine> body)
    {
        _labels.Clear();
        _jumps.Clear();
        var start = _code.Count;
        foreach (var line in body)
        {
            var at = 0;
            while (line.Tokens.Length >= at + 2 && line.Tokens[at + 1] == ":")
            {
                if (!_labels.TryAdd(line.Tokens[at], _code.Count))
                {
                    throw line.Error($"duplicate label '{SpecLexer.Shorten(line.Tokens[at])}'");
                }

                at += 2;
            }
            if (at == line.Tokens.Length)
            {
                throw line.Error("a label without an instruction");
            }

            if (_code.Count > MaxInstructions)
            {
                throw line.Error($"more than {MaxInstructions} instructions");
            }

            Translate(at == 0 ? line : line with { Tokens = line.Tokens[at..] });
        }
        ResolveJumps(start);
        return start;
    }

    private void ResolveJumps(int start)
    {
        var targets = new int[_jumps.Count];
        var guarded = new SortedSet<int>();
        for (var i = 0; i < targets.Length; i++)
        {
            var (at, label, line) = _jumps[i];
            if (!_labels.TryGetValue(label, out targets[i]))
            {
                throw line.Error($"no label '{SpecLexer.Shorten(label)}' in this block");
            }

            if (targets[i] == at && _code[at].Op == Opcode.Jump)
            {
                throw line.Error("a jump to itself");
            }

            if (targets[i] <= at)
            {
                guarded.Add(targets[i]);
            }
        }
        // Insert a guard before every target of a backward jump, so that a loop can't run forever.
        var shift = new int[_code.Count - start + 1];
        if (guarded.Count > 0)
        {
            var body = _code.GetRange(start, _code.Count - start);
            _code.RemoveRange(start, body.Count);
            for (var i = 0; i < body.Count; i++)
            {
                // Jumps go to the guard.
                shift[i] = _code.Count - start - i;
                if (guarded.Contains(start + i))
                {
                    _code.Add(new Instruction { Op = Opcode.Guard });
                }

                _code.Add(body[i]);
            }
        }
        for (var i = 0; i < targets.Length; i++)
        {
            var at = _jumps[i].Instruction;
            var moved = at + shift[at - start] + (guarded.Contains(at) ? 1 : 0);
            var target = targets[i] + shift[targets[i] - start];
            _code[moved] = _code[moved] with { Target = target };
        }
    }

    private void Emit(Instruction instruction) => _code.Add(instruction);

    private void EmitJump(Instruction instruction, string label, SpecLine line)
    {
        _jumps.Add((_code.Count, label, line));
        _code.Add(instruction);
    }

    private static Instruction Fields(Opcode op, Operand a) => new()
    {
        Op = op,
        StructA = (ushort)a.Struct,
        OffsetA = a.Offset,
        CodeA = a.Bits <= 64 ? a.Code : FieldAccess.Constant,
    };

    private static Instruction Fields(Opcode op, Operand a, Operand b) => Fields(op, a) with
    {
        StructB = (ushort)b.Struct,
        OffsetB = b.Offset,
        CodeB = b.Bits <= 64 ? b.Code : FieldAccess.Constant,
    };

    private static void Count(SpecLine line, int count, string form)
    {
        if (line.Tokens.Length != count)
        {
            throw line.Error($"expected '{form}'");
        }
    }

    private void OnlyInApply(SpecLine line)
    {
        if (_action is not null)
        {
            throw line.Error($"'{line.Keyword}' is not allowed in an action");
        }
    }

    private void OnlyInAction(SpecLine line)
    {
        if (_action is null)
        {
            throw line.Error($"'{line.Keyword}' is allowed only in an action");
        }
    }

    private void Translate(SpecLine line)
    {
        switch (line.Keyword)
        {
            case "rx" or "tx" or "drop" or "mirror" or "recirculate" or "recircid" or "extract" or "lookahead" or "emit"
                or "validate" or "invalidate":
                TranslatePacket(line);
                break;
            case "mov":
                TranslateMove(line);
                break;
            case "movh":
                TranslateMoveHigh(line);
                break;
            case "add" or "sub" or "and" or "or" or "xor" or "shl" or "shr":
                TranslateAlu(line);
                break;
            case "ckadd" or "cksub":
                TranslateChecksum(line);
                break;
            case "regprefetch" or "regrd" or "regwr" or "regadd" or "metprefetch" or "meter":
                TranslateState(line);
                break;
            case "table" or "learn" or "rearm" or "forget" or "entryid":
                TranslateTable(line);
                break;
            case "hash" or "rss":
                TranslateHash(line);
                break;
            case "return":
                Count(line, 1, "return");
                OnlyInAction(line);
                Emit(new Instruction { Op = Opcode.Return });
                break;
            case "extern":
                throw line.Error("extern functions and objects are not supported by the soft target");
            default:
                if (!line.Keyword.StartsWith("jmp", StringComparison.Ordinal))
                {
                    throw line.Error($"unknown instruction '{SpecLexer.Shorten(line.Keyword)}'");
                }

                TranslateJump(line);
                break;
        }
    }
}

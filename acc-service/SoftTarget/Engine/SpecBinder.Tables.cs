using System.Numerics;

namespace ACCOffload.SoftTarget.Engine;

/// <summary>A selector's fields: the hash covers the bytes from the first to the last field, with other bytes masked out.</summary>
internal sealed record SelectorLayout(
    Operand GroupId, Operand MemberId, int Struct, int Offset, int Length, byte[] Mask, IReadOnlyList<Operand> Fields);

internal sealed partial class SpecBinder
{
    private readonly List<KeyLayout> _tableKeys = [];
    private readonly List<KeyLayout> _learnerKeys = [];
    private readonly List<SelectorLayout> _selectorLayouts = [];

    private void BindTable(RawTable raw)
    {
        CheckTableName(raw.Head, raw.Name);
        var (key, operands) = BindKey(raw, learner: false);
        var prefixes = key.Count(f => f.Kind == SwxMatchKind.Lpm);
        if (prefixes > 1)
        {
            throw raw.Head.Error("more than one lpm field in a key");
        }

        if (prefixes == 1 && key.Any(f => f.Kind == SwxMatchKind.Wildcard))
        {
            throw raw.Head.Error("lpm and wildcard fields can't be mixed in a key");
        }

        var actions = BindActions(raw);
        var size = raw.Size is { } line ? SpecLexer.Number(line, line.Tokens[1], "size", 0, uint.MaxValue) : 0;
        if (size == 0 && key.Count > 0)
        {
            throw (raw.Size ?? raw.Head).Error("a table with a key requires a size");
        }

        var (action, data, isConst) = BindDefault(raw, actions);
        var table = new SwxTable(raw.Name, _scope.Tables.Count, key, actions)
        {
            Size = (long)size,
            DefaultAction = action,
            DefaultActionData = data,
            DefaultIsConst = isConst,
        };
        _scope.Tables.Add(raw.Name, table);
        _tableKeys.Add(new KeyLayout(key, operands));
    }

    private void BindLearner(RawTable raw)
    {
        CheckTableName(raw.Head, raw.Name);
        var (key, operands) = BindKey(raw, learner: true);
        if (key.Count == 0)
        {
            throw raw.Head.Error("a learner requires a key");
        }

        var actions = BindActions(raw);
        if (raw.Size is not { } line)
        {
            throw raw.Head.Error("a learner requires a size");
        }

        var size = SpecLexer.Number(line, line.Tokens[1], "size", 1, 1 << 26);
        var timeouts = new List<int>();
        foreach (var timeout in raw.Timeouts)
        {
            if (timeout.Tokens.Length != 1)
            {
                throw timeout.Error("expected one timeout in seconds");
            }

            timeouts.Add((int)SpecLexer.Number(timeout, timeout.Tokens[0], "timeout", 1, int.MaxValue));
        }
        if (timeouts.Count is 0 or > 16)
        {
            throw raw.Head.Error("a learner requires 1 to 16 timeouts");
        }

        var (action, data, isConst) = BindDefault(raw, actions);
        var learner = new SwxLearner(raw.Name, _scope.Learners.Count, key, actions)
        {
            Size = (int)size,
            Timeouts = timeouts,
            DefaultAction = action,
            DefaultActionData = data,
            DefaultIsConst = isConst,
        };
        _scope.Learners.Add(raw.Name, learner);
        _learnerKeys.Add(new KeyLayout(key, operands));
    }

    private void BindSelector(RawSelector raw)
    {
        CheckTableName(raw.Head, raw.Name);
        if (raw.GroupId is not { } groupId || raw.MemberId is not { } memberId || raw.Groups is not { } groups
            || raw.Members is not { } members)
        {
            throw raw.Head.Error("a selector requires group_id, member_id, n_groups_max and n_members_per_group_max");
        }

        if (raw.Fields.Count == 0)
        {
            throw raw.Head.Error("a selector requires selector fields");
        }

        var fields = new List<Operand>();
        foreach (var line in raw.Fields)
        {
            if (line.Tokens.Length != 1)
            {
                throw line.Error("expected one field");
            }

            var field = _scope.Field(line, line.Tokens[0], null, "selector field");
            if (fields.Count > 0 && fields[0].Struct != field.Struct)
            {
                throw line.Error("all selector fields must belong to one header or to the metadata");
            }

            if (fields.Contains(field))
            {
                throw line.Error($"duplicate field '{SpecLexer.Shorten(line.Tokens[0])}'");
            }

            fields.Add(field);
        }
        var first = fields.Min(f => f.Offset);
        var length = fields.Max(f => f.Offset + f.Field.Bytes) - first;
        if (length > 64)
        {
            throw raw.Head.Error($"the selector fields span {length} bytes; the limit is 64");
        }

        var mask = new byte[64];
        foreach (var field in fields)
        {
            mask.AsSpan(field.Offset - first, field.Field.Bytes).Fill(0xFF);
        }

        var groupsMax = (int)SpecLexer.Number(groups, groups.Tokens[1], "n_groups_max", 1, 1 << 24);
        var membersMax = (int)SpecLexer.Number(members, members.Tokens[1], "n_members_per_group_max", 1, 1 << 24);
        if (!BitOperations.IsPow2(membersMax))
        {
            _warnings.Add(
                $"line {members.Number}: {membersMax} members per group is not a power of two; DPDK 22.11 selects from overlapping groups");
        }

        _selectorLayouts.Add(new SelectorLayout(
            _scope.MetadataWord(groupId, groupId.Tokens[1], "group_id"), _scope.MetadataWord(memberId, memberId.Tokens[1], "member_id"),
            fields[0].Struct, first, length, mask, fields));
        _scope.Selectors.Add(raw.Name, new SwxSelector(raw.Name, _scope.Selectors.Count)
        {
            GroupIdField = groupId.Tokens[1],
            MemberIdField = memberId.Tokens[1],
            SelectorFields = [.. raw.Fields.Select(f => f.Tokens[0])],
            GroupsMax = groupsMax,
            MembersMax = membersMax,
        });
    }

    private (List<SwxKeyField> Key, List<Operand> Operands) BindKey(RawTable raw, bool learner)
    {
        var key = new List<SwxKeyField>();
        var operands = new List<Operand>();
        var offset = 0;
        foreach (var line in raw.Key)
        {
            var kind = SwxMatchKind.Exact;
            if (line.Tokens.Length != (learner ? 1 : 2))
            {
                throw line.Error(learner ? "expected a field" : "expected a field and exact, lpm or wildcard");
            }

            if (!learner)
            {
                kind = line.Tokens[1] switch
                {
                    "exact" => SwxMatchKind.Exact,
                    "lpm" => SwxMatchKind.Lpm,
                    "wildcard" => SwxMatchKind.Wildcard,
                    _ => throw line.Error($"unknown match kind '{SpecLexer.Shorten(line.Tokens[1])}'"),
                };
            }
            var operand = _scope.Field(line, line.Tokens[0], null, "key field");
            if (operands.Contains(operand))
            {
                throw line.Error($"duplicate field '{SpecLexer.Shorten(line.Tokens[0])}' in a key");
            }

            key.Add(new SwxKeyField(line.Tokens[0], operand.Bits, offset, kind));
            operands.Add(operand);
            offset += operand.Field.Bytes;
            if (offset > MaxKeyBytes)
            {
                throw line.Error($"the key is longer than {MaxKeyBytes} bytes");
            }
        }
        return (key, operands);
    }

    private List<SwxTableAction> BindActions(RawTable raw)
    {
        var actions = new List<SwxTableAction>();
        foreach (var line in raw.Actions)
        {
            var note = line.Tokens.Length == 2 ? line.Tokens[1] : "";
            if (line.Tokens.Length > 2 || note is not ("" or "@tableonly" or "@defaultonly"))
            {
                throw line.Error("expected an action, optionally with @tableonly or @defaultonly");
            }

            var action = _scope.Action(line, line.Tokens[0]);
            if (actions.Exists(a => a.Action == action))
            {
                throw line.Error($"duplicate action '{SpecLexer.Shorten(line.Tokens[0])}'");
            }

            actions.Add(new SwxTableAction(action, note != "@defaultonly", note != "@tableonly"));
        }
        return actions.Count > 0 ? actions : throw raw.Head.Error($"'{SpecLexer.Shorten(raw.Name)}' has no actions");
    }

    private (SwxAction Action, byte[] Data, bool IsConst) BindDefault(RawTable raw, List<SwxTableAction> actions)
    {
        if (raw.Default is not { } line)
        {
            throw raw.Head.Error($"'{SpecLexer.Shorten(raw.Name)}' has no default action");
        }

        var tokens = line.Tokens;
        if (tokens.Length < 4 || tokens[2] != "args")
        {
            throw line.Error("expected 'default_action NAME args none|ARGUMENTS [const]'");
        }

        var action = _scope.Action(line, tokens[1]);
        if (!actions.Exists(a => a.Action == action && a.ForDefault))
        {
            throw line.Error($"'{SpecLexer.Shorten(tokens[1])}' can't be the default action here");
        }

        var isConst = tokens[^1] == "const";
        var arguments = tokens[3..(isConst ? ^1 : ^0)];
        if (arguments is ["none"])
        {
            arguments = [];
        }

        if (arguments.Length != action.Arguments.Count * 2)
        {
            throw line.Error($"action '{action.Name}' requires {action.Arguments.Count} named arguments");
        }

        var data = new byte[action.DataBytes];
        for (var i = 0; i < action.Arguments.Count; i++)
        {
            var field = action.Arguments[i];
            if (arguments[2 * i] != field.Name)
            {
                throw line.Error($"expected argument '{field.Name}' instead of '{SpecLexer.Shorten(arguments[2 * i])}'");
            }

            WriteArgument(line, field, arguments[2 * i + 1], data.AsSpan(field.Offset, field.Bytes));
        }
        return (action, data, isConst);
    }

    private static void WriteArgument(SpecLine line, SwxField field, string value, Span<byte> into)
    {
        if (field.Bits <= 64)
        {
            var number = SpecLexer.Number(line, value, field.Name, 0, ulong.MaxValue);
            for (var i = into.Length - 1; i >= 0; i--, number >>= 8)
            {
                into[i] = (byte)number;
            }

            return;
        }
        var digits = value.AsSpan(value.StartsWith("0x", StringComparison.OrdinalIgnoreCase) ? 2 : 0);
        if (digits.Length != field.Bytes * 2 || Convert.FromHexString(digits, into, out _, out _) != System.Buffers.OperationStatus.Done)
        {
            throw line.Error($"'{field.Name}' requires {field.Bytes * 2} hexadecimal digits");
        }
    }

    private void CheckTableName(SpecLine line, string name)
    {
        if (_scope.Tables.ContainsKey(name) || _scope.Selectors.ContainsKey(name) || _scope.Learners.ContainsKey(name))
        {
            throw line.Error($"duplicate table '{SpecLexer.Shorten(name)}'");
        }
    }

    /// <summary>Checks that only a learner's actions learn or forget, and that they learn only actions that the learner lists.</summary>
    private void CheckLearning(CompiledCode code)
    {
        foreach (var raw in _document.Tables)
        {
            foreach (var entry in _scope.Tables[raw.Name].Actions)
            {
                if (code.Learns[entry.Action.Index].Count > 0 || code.Forgets[entry.Action.Index])
                {
                    throw raw.Head.Error($"action '{entry.Action.Name}' learns or forgets, which is allowed in a learner's actions only");
                }
            }
        }
        foreach (var raw in _document.Learners)
        {
            var actions = _scope.Learners[raw.Name].Actions;
            foreach (var entry in actions)
            {
                foreach (var learned in code.Learns[entry.Action.Index])
                {
                    if (!actions.Any(a => a.Action.Index == learned))
                    {
                        throw raw.Head.Error($"action '{entry.Action.Name}' learns an action that the learner does not list");
                    }
                }
            }
        }
    }
}

using P4.Config.V1;

namespace ACCOffload.P4Runtime.Schema;

/// <summary>A table of a P4Info, validated and laid out; the input of its schema object.</summary>
internal sealed class TableDescription
{
    // The presence of fields and parameters is tracked in one 64-bit word; no real program comes near the limits.
    private const int MaxFields = 64;
    private const int MaxBitWidth = 4096;

    private readonly List<(ActionRef Ref, P4.Config.V1.Action Action)> _actions = [];

    public TableDescription(Table table, IReadOnlyDictionary<uint, P4.Config.V1.Action> actions)
    {
        var preamble = table.Preamble ?? throw new P4InfoException("the P4Info has a table without a preamble");
        (Id, Name, Alias) = NameOf(preamble);
        Size = table.Size;
        HasActionProfile = table.ImplementationId != 0;
        IsConst = table.IsConstTable;
        Fields = LayOut(table);
        foreach (var reference in table.ActionRefs)
        {
            if (!actions.TryGetValue(reference.Id, out var action))
            {
                throw new P4InfoException($"table {Alias} refers to action id 0x{reference.Id:x8}, which the P4Info does not define");
            }

            _actions.Add((reference, action));
        }
    }

    public uint Id { get; }

    public string Name { get; }

    public string Alias { get; }

    public long Size { get; }

    public bool HasActionProfile { get; }

    public bool IsConst { get; }

    public MatchFieldSchema[] Fields { get; }

    public static (uint Id, string Name, string Alias) NameOf(Preamble preamble)
    {
        if (preamble.Id == 0 || preamble.Name.Length == 0)
        {
            throw new P4InfoException($"the P4Info has an object without id or name (id 0x{preamble.Id:x8}, name '{preamble.Name}')");
        }

        return (preamble.Id, preamble.Name, preamble.Alias.Length == 0 ? preamble.Name : preamble.Alias);
    }

    public ActionSchema[] BindActions(TableSchema table) => [.. _actions.Select(a => Bind(table, a.Ref, a.Action))];

    private static ActionSchema Bind(TableSchema table, ActionRef reference, P4.Config.V1.Action action)
    {
        var (id, name, alias) = NameOf(action.Preamble ?? new Preamble());
        var parameters = new ParamSchema[action.Params.Count];
        var offset = 0;
        CheckUnique($"action {alias}", "parameter", action.Params.Select(p => (p.Id, p.Name)));
        for (var i = 0; i < parameters.Length; i++)
        {
            var p = action.Params[i];
            CheckWidth($"parameter {p.Name} of action {alias}", p.Bitwidth);
            parameters[i] = new ParamSchema(p.Id, p.Name, p.Bitwidth, offset, ValueText.Guess(p.Name, p.Bitwidth, p.Annotations));
            offset += parameters[i].ByteWidth;
        }

        return new ActionSchema(
            table, ActionKind.Direct, id, name, alias, reference.Scope == ActionRef.Types.Scope.DefaultOnly, parameters, offset);
    }

    private MatchFieldSchema[] LayOut(Table table)
    {
        var fields = new MatchFieldSchema[table.MatchFields.Count];
        var offset = 0;
        CheckUnique($"table {Alias}", "match field", table.MatchFields.Select(f => (f.Id, f.Name)));
        for (var i = 0; i < fields.Length; i++)
        {
            var f = table.MatchFields[i];
            CheckWidth($"match field {f.Name} of table {Alias}", f.Bitwidth);
            var kind = f.MatchType switch
            {
                MatchField.Types.MatchType.Exact => MatchKind.Exact,
                MatchField.Types.MatchType.Lpm => MatchKind.Lpm,
                MatchField.Types.MatchType.Ternary => MatchKind.Ternary,
                MatchField.Types.MatchType.Range => MatchKind.Range,
                MatchField.Types.MatchType.Optional => MatchKind.Optional,
                _ => throw new P4InfoException(
                    $"match field {f.Name} of table {Alias} has an unsupported match kind ({f.OtherMatchType}{f.MatchType})"),
            };
            fields[i] = new MatchFieldSchema(f.Id, f.Name, f.Bitwidth, kind, offset, ValueText.Guess(f.Name, f.Bitwidth, f.Annotations));
            offset += fields[i].PackedSize;
        }

        return fields;
    }

    private static void CheckWidth(string what, int bitWidth)
    {
        if (bitWidth is <= 0 or > MaxBitWidth)
        {
            throw new P4InfoException($"{what} is {bitWidth} bits wide; 1 to {MaxBitWidth} are supported");
        }
    }

    private static void CheckUnique(string where, string kind, IEnumerable<(uint Id, string Name)> items)
    {
        var ids = new HashSet<uint>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (id, name) in items)
        {
            if (id == 0 || !ids.Add(id) || !names.Add(name))
            {
                throw new P4InfoException($"{where} has {kind} '{name}' (id {id}) twice, or with id 0");
            }
        }

        if (ids.Count > MaxFields)
        {
            throw new P4InfoException($"{where} has {ids.Count} objects of kind {kind}; the limit is {MaxFields}");
        }
    }
}

namespace ACCOffload.SoftTarget.Engine;

/// <summary>Turns a document into a program: resolves names and applies the checks of DPDK's configuration functions.</summary>
internal sealed partial class SpecBinder
{
    private const int MaxStructBits = 1 << 19;
    private const int MaxHeaders = 64;
    private const int MaxKeyBytes = 512;

    private readonly SpecDocument _document;
    private readonly Dictionary<string, SwxStruct> _structs = new(StringComparer.Ordinal);
    private readonly List<string> _warnings = [];
    private SpecScope _scope = null!;

    private SpecBinder(SpecDocument document) => _document = document;

    public static SwxProgram Bind(SpecDocument document) => new SpecBinder(document).Bind();

    private SwxProgram Bind()
    {
        foreach (var raw in _document.Structs)
        {
            BindStruct(raw);
        }

        var headers = BindHeaders();
        _scope = new SpecScope { Headers = headers.ToDictionary(h => h.Name, StringComparer.Ordinal), Metadata = BindMetadata() };
        foreach (var line in _document.RegisterArrays)
        {
            BindRegisterArray(line);
        }

        foreach (var line in _document.MeterArrays)
        {
            BindMeterArray(line);
        }

        foreach (var line in _document.Rss)
        {
            Add(_scope.Rss, line, line.Tokens[1], _scope.Rss.Count, "rss object");
        }

        foreach (var raw in _document.Actions)
        {
            BindAction(raw);
        }

        foreach (var raw in _document.Tables)
        {
            BindTable(raw);
        }

        foreach (var raw in _document.Selectors)
        {
            BindSelector(raw);
        }

        foreach (var raw in _document.Learners)
        {
            BindLearner(raw);
        }

        if (_document.Apply is null)
        {
            throw new SpecException(0, "the specification has no apply block");
        }

        var code = SpecCompiler.Compile(_document, _scope, _warnings);
        CheckLearning(code);
        return new SwxProgram
        {
            Headers = headers,
            Metadata = _scope.Metadata,
            Actions = [.. _scope.Actions.Values],
            Tables = [.. _scope.Tables.Values],
            Selectors = [.. _scope.Selectors.Values],
            Learners = [.. _scope.Learners.Values],
            RegisterArrays = [.. _scope.RegisterArrays.Values],
            MeterArrays = [.. _scope.MeterArrays.Values],
            Warnings = _warnings,
            TableKeys = [.. _tableKeys],
            LearnerKeys = [.. _learnerKeys],
            SelectorLayouts = [.. _selectorLayouts],
            Code = code,
            RssCount = _scope.Rss.Count,
        };
    }

    private void BindStruct(RawStruct raw)
    {
        var fields = new List<SwxField>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        var bits = 0;
        foreach (var line in raw.Fields)
        {
            if (line.Tokens.Length != 2)
            {
                throw line.Error("expected 'bit<N> NAME' or 'varbit<N> NAME'");
            }

            if (fields.Count > 0 && fields[^1].IsVariable)
            {
                throw line.Error("a variable field must be the last field of its structure");
            }

            var (type, name) = (line.Tokens[0], line.Tokens[1]);
            var variable = type.StartsWith("varbit<", StringComparison.Ordinal);
            if ((!variable && !type.StartsWith("bit<", StringComparison.Ordinal)) || type[^1] != '>')
            {
                throw line.Error($"'{SpecLexer.Shorten(type)}' is not a field type");
            }

            var width = (int)SpecLexer.Number(line, type[(variable ? 7 : 4)..^1], "width", 1, MaxStructBits);
            if (width % 8 != 0)
            {
                throw line.Error($"width {width} is not a multiple of 8");
            }

            if (!names.Add(name))
            {
                throw line.Error($"duplicate field '{SpecLexer.Shorten(name)}'");
            }

            fields.Add(new SwxField(name, width, bits / 8, variable));
            bits += width;
            if (bits > MaxStructBits)
            {
                throw line.Error($"the structure is larger than {MaxStructBits} bits");
            }
        }
        if (fields.Count == 0)
        {
            throw raw.Head.Error("the structure has no fields");
        }

        Add(_structs, raw.Head, raw.Head.Tokens[1], new SwxStruct(raw.Head.Tokens[1], fields), "structure");
    }

    private List<SwxHeader> BindHeaders()
    {
        var headers = new List<SwxHeader>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var line in _document.Headers)
        {
            var name = line.Tokens[1];
            if (!names.Add(name))
            {
                throw line.Error($"duplicate header '{SpecLexer.Shorten(name)}'");
            }

            if (headers.Count == MaxHeaders)
            {
                throw line.Error($"more than {MaxHeaders} headers");
            }

            var type = Struct(line, line.Tokens[3]);
            if (type.Bytes > 255)
            {
                _warnings.Add(
                    $"line {line.Number}: header {name} has {type.Bytes} bytes; DPDK 22.11 truncates offsets and sizes to 8 bits");
            }

            headers.Add(new SwxHeader(name, type, headers.Count));
        }
        return headers;
    }

    private SwxStruct BindMetadata()
    {
        if (_document.Metadata.Count != 1)
        {
            throw new SpecException(
                _document.Metadata.Count == 0 ? 0 : _document.Metadata[1].Number, "exactly one metadata statement is required");
        }

        var line = _document.Metadata[0];
        var type = Struct(line, line.Tokens[2]);
        if (type.IsVariable)
        {
            throw line.Error("the metadata can't have a variable field");
        }

        if (type.Bytes > 256)
        {
            _warnings.Add($"line {line.Number}: the metadata has {type.Bytes} bytes; DPDK 22.11 truncates its offsets to 8 bits");
        }

        return type;
    }

    private void BindRegisterArray(SpecLine line)
    {
        var size = (int)SpecLexer.Number(line, line.Tokens[3], "size", 1, 1 << 30);
        var initial = SpecLexer.Number(line, line.Tokens[5], "initial value", 0, ulong.MaxValue);
        var array = new SwxRegisterArray(line.Tokens[1], _scope.RegisterArrays.Count, size, initial);
        Add(_scope.RegisterArrays, line, array.Name, array, "register array");
    }

    private void BindMeterArray(SpecLine line)
    {
        var size = (int)SpecLexer.Number(line, line.Tokens[3], "size", 1, 1 << 24);
        var array = new SwxMeterArray(line.Tokens[1], _scope.MeterArrays.Count, size);
        Add(_scope.MeterArrays, line, array.Name, array, "meter array");
    }

    private void BindAction(RawAction raw)
    {
        var arguments = raw.Arguments is null ? null : Struct(raw.Head, raw.Arguments);
        if (arguments is { IsVariable: true })
        {
            throw raw.Head.Error("an action can't have a variable argument");
        }

        if (_scope.Actions.Count == ushort.MaxValue)
        {
            throw raw.Head.Error("too many actions");
        }

        Add(_scope.Actions, raw.Head, raw.Name, new SwxAction(raw.Name, _scope.Actions.Count, arguments), "action");
    }

    private SwxStruct Struct(SpecLine line, string name)
        => _structs.GetValueOrDefault(name) ?? throw line.Error($"'{SpecLexer.Shorten(name)}' is not a structure");

    private static void Add<T>(Dictionary<string, T> into, SpecLine line, string name, T value, string what)
    {
        if (!into.TryAdd(name, value))
        {
            throw line.Error($"duplicate {what} '{SpecLexer.Shorten(name)}'");
        }
    }
}

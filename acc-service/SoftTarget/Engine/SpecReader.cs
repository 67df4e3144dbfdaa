namespace ACCOffload.SoftTarget.Engine;

/// <summary>Parses the statements and blocks of a specification.</summary>
internal sealed class SpecReader
{
    private readonly List<SpecLine> _lines;
    private readonly SpecDocument _document = new();
    private int _next;

    private SpecReader(List<SpecLine> lines) => _lines = lines;

    public static SpecDocument Read(string text)
    {
        var reader = new SpecReader(SpecLexer.Read(text));
        while (reader._next < reader._lines.Count)
        {
            reader.ReadStatement(reader._lines[reader._next++]);
        }

        return reader._document;
    }

    private void ReadStatement(SpecLine line)
    {
        switch (line.Keyword)
        {
            case "struct":
                Expect(line, "struct NAME {", 3, 2, "{");
                _document.Structs.Add(new RawStruct(line, ReadBody(line)));
                break;
            case "header":
                Expect(line, "header NAME instanceof STRUCT", 4, 2, "instanceof");
                _document.Headers.Add(line);
                break;
            case "metadata":
                Expect(line, "metadata instanceof STRUCT", 3, 1, "instanceof");
                _document.Metadata.Add(line);
                break;
            case "action":
                ReadAction(line);
                break;
            case "table":
                Expect(line, "table NAME {", 3, 2, "{");
                _document.Tables.Add(ReadTable(line, learner: false));
                break;
            case "learner":
                Expect(line, "learner NAME {", 3, 2, "{");
                _document.Learners.Add(ReadTable(line, learner: true));
                break;
            case "selector":
                Expect(line, "selector NAME {", 3, 2, "{");
                _document.Selectors.Add(ReadSelector(line));
                break;
            case "regarray":
                Expect(line, "regarray NAME size N initval V", 6, 2, "size", 4, "initval");
                _document.RegisterArrays.Add(line);
                break;
            case "metarray":
                Expect(line, "metarray NAME size N", 4, 2, "size");
                _document.MeterArrays.Add(line);
                break;
            case "rss":
                Expect(line, "rss NAME", 2);
                _document.Rss.Add(line);
                break;
            case "apply":
                Expect(line, "apply {", 2, 1, "{");
                if (_document.Apply is not null)
                {
                    throw line.Error("duplicate apply block");
                }

                _document.ApplyLine = line.Number;
                _document.Apply = ReadBody(line);
                break;
            case "extobj":
                throw line.Error("extern objects are not supported by the soft target");
            default:
                throw line.Error($"unknown statement '{SpecLexer.Shorten(line.Keyword)}'");
        }
    }

    private void ReadAction(SpecLine line)
    {
        var tokens = line.Tokens;
        var plain = tokens.Length == 5 && tokens[2] == "args" && tokens[3] == "none" && tokens[4] == "{";
        var typed = tokens.Length == 6 && tokens[2] == "args" && tokens[3] == "instanceof" && tokens[5] == "{";
        if (!plain && !typed)
        {
            throw line.Error("expected 'action NAME args none {' or 'action NAME args instanceof STRUCT {'");
        }

        _document.Actions.Add(new RawAction(line, tokens[1], typed ? tokens[4] : null, ReadBody(line)));
    }

    private RawTable ReadTable(SpecLine head, bool learner)
    {
        var table = new RawTable(head);
        while (true)
        {
            var line = NextInside(head);
            switch (line.Keyword)
            {
                case "}" when line.Tokens.Length == 1:
                    return table;
                case "key":
                    Expect(line, "key {", 2, 1, "{");
                    table.Key.AddRange(ReadBody(line));
                    break;
                case "actions":
                    Expect(line, "actions {", 2, 1, "{");
                    table.Actions.AddRange(ReadBody(line));
                    break;
                case "timeout" when learner:
                    Expect(line, "timeout {", 2, 1, "{");
                    table.Timeouts.AddRange(ReadBody(line));
                    break;
                case "default_action":
                    table.Default = Once(table.Default, line);
                    break;
                case "size":
                    Expect(line, "size N", 2);
                    table.Size = Once(table.Size, line);
                    break;
                // These choose DPDK's hash or implementation, which does not matter here.
                case "hash":
                    Expect(line, "hash NAME", 2);
                    break;
                case "instanceof" or "pragma" or "action_selector" when !learner:
                    Expect(line, line.Keyword + " NAME", 2);
                    break;
                default:
                    throw line.Error(
                        $"unknown statement '{SpecLexer.Shorten(line.Keyword)}' in {head.Keyword} '{SpecLexer.Shorten(head.Tokens[1])}'");
            }
        }
    }

    private RawSelector ReadSelector(SpecLine head)
    {
        var selector = new RawSelector(head);
        while (true)
        {
            var line = NextInside(head);
            switch (line.Keyword)
            {
                case "}" when line.Tokens.Length == 1:
                    return selector;
                case "selector":
                    Expect(line, "selector {", 2, 1, "{");
                    selector.Fields.AddRange(ReadBody(line));
                    break;
                case "group_id":
                    Expect(line, "group_id FIELD", 2);
                    selector.GroupId = Once(selector.GroupId, line);
                    break;
                case "member_id":
                    Expect(line, "member_id FIELD", 2);
                    selector.MemberId = Once(selector.MemberId, line);
                    break;
                case "n_groups_max":
                    Expect(line, "n_groups_max N", 2);
                    selector.Groups = Once(selector.Groups, line);
                    break;
                case "n_members_per_group_max":
                    Expect(line, "n_members_per_group_max N", 2);
                    selector.Members = Once(selector.Members, line);
                    break;
                default:
                    throw line.Error(
                        $"unknown statement '{SpecLexer.Shorten(line.Keyword)}' in selector '{SpecLexer.Shorten(head.Tokens[1])}'");
            }
        }
    }

    private List<SpecLine> ReadBody(SpecLine head)
    {
        var body = new List<SpecLine>();
        while (true)
        {
            var line = NextInside(head);
            if (line.Tokens is ["}"])
            {
                return body;
            }

            body.Add(line);
        }
    }

    private SpecLine NextInside(SpecLine head)
        => _next < _lines.Count ? _lines[_next++] : throw head.Error($"the block '{SpecLexer.Shorten(head.Keyword)}' is not closed");

    private static SpecLine Once(SpecLine? before, SpecLine line)
        => before is null ? line : throw line.Error($"duplicate '{line.Keyword}'");

    private static void Expect(SpecLine line, string form, int count, int at = 0, string? word = null, int at2 = 0, string? word2 = null)
    {
        if (line.Tokens.Length != count || (word is not null && line.Tokens[at] != word)
            || (word2 is not null && line.Tokens[at2] != word2))
        {
            throw line.Error($"expected '{form}'");
        }
    }
}

using System.Globalization;

namespace ACCOffload.DpdkOracle.Coverage;

/// <summary>The parts of a specification that the coverage needs.</summary>
public sealed class SpecLines
{
    private readonly Dictionary<string, Dictionary<string, int>> _structs = [];
    private readonly Dictionary<string, string> _headers = [];
    private readonly Dictionary<string, string> _tableKinds = [];

    public SpecLines(string text)
    {
        Lines = [.. text.Split('\n').Select(l => l.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))];
        for (var i = 0; i < Lines.Count; i++)
        {
            Read(i);
        }
    }

    /// <summary>All lines as tokens.</summary>
    public IReadOnlyList<string[]> Lines { get; }

    /// <summary>The structure of the metadata.</summary>
    public string MetadataType { get; private set; } = "";

    /// <summary>The width of a field operand; null for other operands.</summary>
    public int? Bits(string operand)
    {
        var parts = operand.Split('.');
        var (type, field) = parts switch
        {
            ["h", var header, var name] => (_headers.GetValueOrDefault(header), name),
            ["m", var name] => (MetadataType, name),
            _ => (null, ""),
        };
        return type is not null && _structs[type].TryGetValue(field, out var bits) ? bits : null;
    }

    /// <summary>The size of a header operand; null for other operands.</summary>
    public int? HeaderBytes(string operand) => operand.Split('.') is ["h", var header] ? _structs[_headers[header]].Values.Sum() / 8 : null;

    /// <summary>The size of the metadata.</summary>
    public int MetadataBytes => _structs[MetadataType].Values.Sum() / 8;

    /// <summary>All fields of all structures, with their offsets in bytes.</summary>
    public IEnumerable<(string Struct, string Field, int Offset)> Offsets()
    {
        foreach (var (name, fields) in _structs)
        {
            var offset = 0;
            foreach (var (field, bits) in fields)
            {
                yield return (name, field, offset);
                offset += bits / 8;
            }
        }
    }

    /// <summary>The instructions, without labels.</summary>
    public IEnumerable<string[]> Instructions()
    {
        var inside = false;
        foreach (var line in Lines)
        {
            if (line is ["}"])
            {
                inside = false;
            }

            if (inside && IsCode(line))
            {
                yield return line is [_, ":", ..] ? line[2..] : line;
            }

            inside |= IsBlock(line);
        }
    }

    /// <summary>Whether a line is neither empty nor a comment.</summary>
    public static bool IsCode(string[] line) => line.Length > 0 && line[0][0] is not ('/' or ';' or '#');

    /// <summary>Whether the line opens a block of instructions.</summary>
    public static bool IsBlock(string[] line) => line is ["action" or "apply", .., "{"];

    /// <summary>The kind of a table: keyless, exact, scattered (exact, not contiguous), lpm, wildcard, selector, learner.</summary>
    public string TableKind(string name) => _tableKinds[name];

    private void Read(int at)
    {
        switch (Lines[at])
        {
            case ["struct", var name, "{"]:
                _structs[name] = Body(at).ToDictionary(
                    l => l[1], l => int.Parse(l[0].Split('<', '>')[1], CultureInfo.InvariantCulture));
                break;
            case ["header", var name, "instanceof", var type]:
                _headers[name] = type;
                break;
            case ["metadata", "instanceof", var type]:
                MetadataType = type;
                break;
            case ["selector" or "learner", var name, "{"]:
                _tableKinds[name] = Lines[at][0];
                break;
            case ["table", var name, "{"]:
                var key = Enumerable.Range(at, Lines.Count - at).First(i => Lines[i] is ["key", "{"] or ["actions", "{"]);
                _tableKinds[name] = Lines[key][0] == "key" ? KeyKind([.. Body(key)]) : "keyless";
                break;
        }
    }

    private IEnumerable<string[]> Body(int at) => Lines.Skip(at + 1).TakeWhile(l => l is not ["}"]).Where(l => l.Length > 0);

    private string KeyKind(string[][] fields)
    {
        if (fields.Length == 0)
        {
            return "keyless";
        }

        if (fields.FirstOrDefault(f => f[1] != "exact") is { } other)
        {
            return other[1];
        }
        // DPDK uses an exact-match table only if the key fields are contiguous, in any order.
        var prefix = fields[0][0][..fields[0][0].LastIndexOf('.')];
        var type = prefix == "m" ? MetadataType : _headers[prefix[2..]];
        var names = _structs[type].Keys.ToList();
        var positions = fields.Select(f => names.IndexOf(f[0][(prefix.Length + 1)..])).Order().ToList();
        return positions[^1] - positions[0] == positions.Count - 1 ? "exact" : "scattered";
    }
}

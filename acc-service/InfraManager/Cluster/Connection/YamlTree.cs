using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace ACCOffload.InfraManager.Cluster.Connection;

/// <summary>
/// Parses a YAML document into mappings (<see cref="Dictionary{TKey,TValue}"/> with string keys), lists and strings. Size and depth are
/// bounded. Anchors and aliases are rejected because a few lines of them can expand without limit.
/// </summary>
internal static class YamlTree
{
    private const int MaxNodes = 100_000;
    private const int MaxDepth = 32;

    /// <exception cref="FormatException">The document is invalid or too large.</exception>
    public static object? Parse(string text)
    {
        var documents = ParseAll(text, s => s.IsQuotedImplicit || s.Value is not ("" or "~" or "null") ? s.Value : null);
        return documents.Count <= 1 ? documents.FirstOrDefault() : throw new FormatException("more than one YAML document");
    }

    /// <summary>Parses the documents of a stream.</summary>
    /// <param name="text">The stream.</param>
    /// <param name="read">Makes a value of a scalar; keys of mappings must be strings.</param>
    /// <exception cref="FormatException">A document is invalid, or all together are too large.</exception>
    public static List<object?> ParseAll(string text, Func<Scalar, object?> read)
    {
        try
        {
            var parser = new Parser(new StringReader(text));
            parser.Consume<StreamStart>();
            var (documents, nodes) = (new List<object?>(), 0);
            while (!parser.Accept<StreamEnd>(out _))
            {
                parser.Consume<DocumentStart>();
                documents.Add(Node(parser, read, 0, ref nodes));
                parser.Consume<DocumentEnd>();
            }

            return documents;
        }
        catch (YamlException e)
        {
            throw new FormatException($"not valid YAML (line {e.Start.Line}, column {e.Start.Column})", e);
        }
    }

    private static object? Node(Parser parser, Func<Scalar, object?> read, int depth, ref int nodes)
    {
        if (++nodes > MaxNodes || depth > MaxDepth)
        {
            throw new FormatException("too large or too deeply nested");
        }

        if (parser.Current is NodeEvent { Anchor.IsEmpty: false } or AnchorAlias)
        {
            throw new FormatException($"anchor or alias on line {parser.Current.Start.Line}");
        }

        if (parser.TryConsume<Scalar>(out var scalar))
        {
            return read(scalar);
        }

        if (parser.TryConsume<SequenceStart>(out _))
        {
            var list = new List<object?>();
            while (!parser.TryConsume<SequenceEnd>(out _))
            {
                list.Add(Node(parser, read, depth + 1, ref nodes));
            }

            return list;
        }
        parser.Consume<MappingStart>();
        var map = new Dictionary<string, object?>(StringComparer.Ordinal);
        while (!parser.TryConsume<MappingEnd>(out _))
        {
            var line = parser.Current?.Start.Line;
            if (Node(parser, s => s.Value, depth + 1, ref nodes) is not string key)
            {
                throw new FormatException($"key on line {line} is not a string");
            }

            if (!map.TryAdd(key, Node(parser, read, depth + 1, ref nodes)))
            {
                throw new FormatException($"duplicate key {key} on line {line}");
            }
        }
        return map;
    }
}

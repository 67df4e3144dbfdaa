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
        try
        {
            var parser = new Parser(new StringReader(text));
            parser.Consume<StreamStart>();
            if (parser.Accept<StreamEnd>(out _))
            {
                return null;
            }

            parser.Consume<DocumentStart>();
            var nodes = 0;
            var root = Node(parser, 0, ref nodes);
            parser.Consume<DocumentEnd>();
            if (!parser.Accept<StreamEnd>(out _))
            {
                throw new FormatException("more than one YAML document");
            }

            return root;
        }
        catch (YamlException e)
        {
            throw new FormatException($"not valid YAML (line {e.Start.Line}, column {e.Start.Column})", e);
        }
    }

    private static object? Node(Parser parser, int depth, ref int nodes)
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
            return scalar.IsQuotedImplicit || scalar.Value is not ("" or "~" or "null") ? scalar.Value : null;
        }

        if (parser.TryConsume<SequenceStart>(out _))
        {
            var list = new List<object?>();
            while (!parser.TryConsume<SequenceEnd>(out _))
            {
                list.Add(Node(parser, depth + 1, ref nodes));
            }

            return list;
        }
        parser.Consume<MappingStart>();
        var map = new Dictionary<string, object?>(StringComparer.Ordinal);
        while (!parser.TryConsume<MappingEnd>(out _))
        {
            var line = parser.Current?.Start.Line;
            if (Node(parser, depth + 1, ref nodes) is not string key)
            {
                throw new FormatException($"key on line {line} is not a string");
            }

            if (!map.TryAdd(key, Node(parser, depth + 1, ref nodes)))
            {
                throw new FormatException($"duplicate key {key} on line {line}");
            }
        }
        return map;
    }
}

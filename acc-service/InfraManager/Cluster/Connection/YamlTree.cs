using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace ACCOffload.InfraManager.Cluster.Connection;

/// <summary>
/// A YAML document as mappings (<see cref="Dictionary{TKey,TValue}"/> of text), lists and text. Bounded; anchors and aliases are refused, since a
/// few lines of them expand without end.
/// </summary>
internal static class YamlTree
{
    private const int MostNodes = 100_000;
    private const int Deepest = 32;

    /// <exception cref="FormatException">It is no such document; the message says where.</exception>
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
                throw new FormatException("has more than one document");
            }

            return root;
        }
        catch (YamlException e)
        {
            throw new FormatException($"is not valid YAML (line {e.Start.Line}, column {e.Start.Column})", e);
        }
    }

    private static object? Node(Parser parser, int depth, ref int nodes)
    {
        if (++nodes > MostNodes || depth > Deepest)
        {
            throw new FormatException("is too large or too deep");
        }

        if (parser.Current is NodeEvent { Anchor.IsEmpty: false } or AnchorAlias)
        {
            throw new FormatException($"has an anchor or alias in line {parser.Current.Start.Line}");
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
                throw new FormatException($"has a key that is no text in line {line}");
            }

            if (!map.TryAdd(key, Node(parser, depth + 1, ref nodes)))
            {
                throw new FormatException($"has the key {key} twice, in line {line}");
            }
        }
        return map;
    }
}

using System.Buffers;
using System.Globalization;
using System.Text.Json;
using ACCOffload.InfraManager.Cluster.Connection;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace ACCOffload.InfraManager.CommandLine.Ctl;

/// <summary>
/// Turns YAML into JSON, as kubectl does: plain scalars are numbers, booleans or null where they look like it, quoted ones are strings.
/// </summary>
internal static class YamlJson
{
    private static readonly SearchValues<char> OfDecimals = SearchValues.Create("0123456789.eE+-");

    /// <summary>The documents of a stream; empty ones are left out. JSON is YAML, too, so both are read.</summary>
    /// <exception cref="FormatException">It is not valid YAML or too large; the message is one line.</exception>
    public static List<byte[]> Convert(string text)
    {
        var documents = new List<byte[]>();
        foreach (var tree in YamlTree.ParseAll(text, Read))
        {
            if (tree is null)
            {
                continue;
            }

            using var buffer = new MemoryStream();
            using (var json = new Utf8JsonWriter(buffer))
            {
                Write(json, tree);
            }

            documents.Add(buffer.ToArray());
        }

        return documents;
    }

    private static object? Read(Scalar scalar)
    {
        var text = scalar.Value;
        if (scalar.Style != ScalarStyle.Plain)
        {
            return text;
        }

        if (text is "" or "~" or "null" or "Null" or "NULL")
        {
            return null;
        }

        if (text is "true" or "True" or "TRUE" or "yes" or "Yes" or "YES" or "on" or "On" or "ON")
        {
            return true;
        }

        if (text is "false" or "False" or "FALSE" or "no" or "No" or "NO" or "off" or "Off" or "OFF")
        {
            return false;
        }

        return long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number
            : IsDecimal(text) && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var real) ? real
            : text;
    }

    // An address such as 10.0.0.1 is no number, nor is a word such as "Infinity".
    private static bool IsDecimal(string text) =>
        !text.AsSpan().ContainsAnyExcept(OfDecimals) && text[^1] is >= '0' and <= '9';

    private static void Write(Utf8JsonWriter json, object? value)
    {
        switch (value)
        {
            case Dictionary<string, object?> map:
                json.WriteStartObject();
                foreach (var (key, item) in map)
                {
                    json.WritePropertyName(key);
                    Write(json, item);
                }

                json.WriteEndObject();
                break;
            case List<object?> list:
                json.WriteStartArray();
                foreach (var item in list)
                {
                    Write(json, item);
                }

                json.WriteEndArray();
                break;
            case string text:
                json.WriteStringValue(text);
                break;
            case long number:
                json.WriteNumberValue(number);
                break;
            case double real:
                json.WriteNumberValue(real);
                break;
            case bool flag:
                json.WriteBooleanValue(flag);
                break;
            default:
                json.WriteNullValue();
                break;
        }
    }
}

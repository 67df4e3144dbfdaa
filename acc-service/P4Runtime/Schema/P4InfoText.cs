using System.Globalization;
using System.Text;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using P4.Config.V1;

namespace ACCOffload.P4Runtime.Schema;

/// <summary>
/// Parses a P4Info in protobuf's text format, as written by p4c and shipped with release 24.01; Google.Protobuf for C# has no parser for
/// it. The descriptors of P4Info drive the conversion to the binary format, so no list of fields is duplicated here.
/// </summary>
public static class P4InfoText
{
    private const int MaxDepth = 32;

    /// <summary>Parses the whole text.</summary>
    /// <exception cref="P4InfoException">The text is not a P4Info; the message gives the line number.</exception>
    public static P4Info Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var reader = new Reader(text);
        var bytes = reader.Message(P4Info.Descriptor, closing: null, depth: 0);
        try
        {
            return P4Info.Parser.ParseFrom(bytes);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new P4InfoException($"the text is not a P4Info: {e.Message}");
        }
    }

    private sealed class Reader(string text)
    {
        private int _at;

        /// <summary>Fields until the closing bracket, or the end of the text.</summary>
        public byte[] Message(MessageDescriptor type, char? closing, int depth)
        {
            if (depth > MaxDepth)
            {
                throw Wrong($"messages are nested deeper than {MaxDepth}");
            }

            using var buffer = new MemoryStream();
            using (var output = new CodedOutputStream(buffer, leaveOpen: true))
            {
                while (true)
                {
                    SkipBlanks();
                    if (closing is null ? _at == text.Length : Take(closing.Value))
                    {
                        break;
                    }

                    var name = Word("a field name");
                    var field = type.FindFieldByName(name) ?? throw Wrong($"{type.Name} has no field '{name}'");
                    Field(field, output, depth);
                    SkipBlanks();
                    _ = Take(';') || Take(',');
                }
            }

            return buffer.ToArray();
        }

        private void Field(FieldDescriptor field, CodedOutputStream output, int depth)
        {
            SkipBlanks();
            var hasColon = Take(':');
            SkipBlanks();
            if (field.FieldType != FieldType.Message && !hasColon)
            {
                throw Wrong($"':' is missing after '{field.Name}'");
            }

            if (!field.IsRepeated || !Take('['))
            {
                Value(field, output, depth);
                return;
            }

            SkipBlanks();
            if (Take(']'))
            {
                return;
            }

            do
            {
                Value(field, output, depth);
                SkipBlanks();
            }
            while (Take(','));
            if (!Take(']'))
            {
                throw Wrong($"the list of '{field.Name}' is not closed");
            }
        }

        private void Value(FieldDescriptor field, CodedOutputStream output, int depth)
        {
            SkipBlanks();
            switch (field.FieldType)
            {
                case FieldType.Message:
                    var closing = Take('{') ? '}' : Take('<') ? '>' : throw Wrong($"'{{' is missing after '{field.Name}'");
                    output.WriteTag(field.FieldNumber, WireFormat.WireType.LengthDelimited);
                    output.WriteBytes(ByteString.CopyFrom(Message(field.MessageType, closing, depth + 1)));
                    break;
                case FieldType.String or FieldType.Bytes:
                    output.WriteTag(field.FieldNumber, WireFormat.WireType.LengthDelimited);
                    output.WriteBytes(ByteString.CopyFrom(Quoted()));
                    break;
                case FieldType.Bool or FieldType.Enum or FieldType.Int32 or FieldType.Int64 or FieldType.UInt32 or FieldType.UInt64:
                    // All of these are varints; negative values take 64 bits.
                    output.WriteTag(field.FieldNumber, WireFormat.WireType.Varint);
                    output.WriteInt64(Number(field));
                    break;
                default:
                    throw Wrong($"field '{field.Name}' has the unsupported type {field.FieldType}");
            }
        }

        private long Number(FieldDescriptor field)
        {
            var word = Word("a value");
            if (field.FieldType == FieldType.Bool && word is "true" or "false")
            {
                return word == "true" ? 1 : 0;
            }

            if (field.FieldType == FieldType.Enum && field.EnumType.FindValueByName(word) is { } value)
            {
                return value.Number;
            }

            var isHex = word.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
            return long.TryParse(isHex ? word.AsSpan(2) : word, isHex ? NumberStyles.AllowHexSpecifier
                : NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) && Fits(field, number)
                ? number
                : throw Wrong($"'{word}' is not a valid value of '{field.Name}'");
        }

        private static bool Fits(FieldDescriptor field, long number) => field.FieldType switch
        {
            FieldType.Bool => number is 0 or 1,
            FieldType.UInt32 => number is >= 0 and <= uint.MaxValue,
            FieldType.UInt64 => number >= 0,
            FieldType.Int64 => true,
            _ => number is >= int.MinValue and <= int.MaxValue,
        };

        private byte[] Quoted()
        {
            using var bytes = new MemoryStream();
            if (_at == text.Length || text[_at] is not ('"' or '\''))
            {
                throw Wrong("a string is missing");
            }

            // Adjacent strings are concatenated.
            while (_at < text.Length && text[_at] is '"' or '\'')
            {
                var quote = text[_at++];
                while (_at < text.Length && text[_at] != quote && text[_at] != '\n')
                {
                    if (text[_at] == '\\')
                    {
                        bytes.WriteByte(Escape());
                    }
                    else
                    {
                        var rune = Rune.GetRuneAt(text, _at);
                        _at += rune.Utf16SequenceLength;
                        bytes.Write(Encoding.UTF8.GetBytes(rune.ToString()));
                    }
                }

                if (!Take(quote))
                {
                    throw Wrong("a string is not closed");
                }

                SkipBlanks();
            }

            return bytes.ToArray();
        }

        private byte Escape()
        {
            _at++;
            var letter = _at < text.Length ? text[_at++] : '\0';
            if (letter is >= '0' and <= '7')
            {
                var value = letter - '0';
                for (var i = 0; i < 2 && _at < text.Length && text[_at] is >= '0' and <= '7'; i++)
                {
                    value = (value * 8) + text[_at++] - '0';
                }

                return (byte)value;
            }

            if (letter is 'x')
            {
                var start = _at;
                while (_at < text.Length && _at < start + 2 && char.IsAsciiHexDigit(text[_at]))
                {
                    _at++;
                }

                return _at > start ? byte.Parse(text.AsSpan(start, _at - start), NumberStyles.AllowHexSpecifier,
                    CultureInfo.InvariantCulture) : throw Wrong("'\\x' without digits");
            }

            return letter switch
            {
                'n' => (byte)'\n',
                't' => (byte)'\t',
                'r' => (byte)'\r',
                '\\' or '"' or '\'' => (byte)letter,
                _ => throw Wrong($"unknown escape '\\{letter}'"),
            };
        }

        private string Word(string what)
        {
            var start = _at;
            while (_at < text.Length && (char.IsAsciiLetterOrDigit(text[_at]) || text[_at] is '_' or '-' or '+' or '.'))
            {
                _at++;
            }

            return _at > start ? text[start.._at] : throw Wrong($"{what} is missing");
        }

        private bool Take(char c)
        {
            if (_at == text.Length || text[_at] != c)
            {
                return false;
            }

            _at++;
            return true;
        }

        private void SkipBlanks()
        {
            while (_at < text.Length && (char.IsWhiteSpace(text[_at]) || text[_at] == '#'))
            {
                var end = text[_at] == '#' ? text.IndexOf('\n', _at) : _at + 1;
                _at = end < 0 ? text.Length : end;
            }
        }

        private P4InfoException Wrong(string what) => new($"line {text.AsSpan(0, _at).Count('\n') + 1}: {what}");
    }
}

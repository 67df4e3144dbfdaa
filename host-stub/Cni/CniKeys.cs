using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace ACCOffload.HostStub.Cni;

/// <summary>
/// Finds keys as Go's encoding/json does, by which the runtime and the other plugins read the same configuration: without regard to case, and where a key is
/// given more than once the last one wins. Otherwise "MTU" or "IPAM" would mean something to all of them but us.
/// </summary>
internal static class CniKeys
{
    /// <summary>The longest key of ours, each character escaped.</summary>
    private const int LongestEscaped = 256;

    /// <summary>Compares the property that the reader is at.</summary>
    public static bool Matches(ref Utf8JsonReader reader, ReadOnlySpan<byte> key)
    {
        if (!reader.ValueIsEscaped)
        {
            return Matches(reader.ValueSpan, key);
        }

        if (reader.ValueSpan.Length > LongestEscaped)
        {
            return false;
        }

        try
        {
            Span<byte> text = stackalloc byte[LongestEscaped];
            return Matches(text[..reader.CopyString(text)], key);
        }
        catch (InvalidOperationException)
        {
            // Half a surrogate pair: no key of ours.
            return false;
        }
    }

    public static bool Matches(JsonProperty property, ReadOnlySpan<byte> key)
    {
        var raw = JsonMarshal.GetRawUtf8PropertyName(property);
        if (!raw.Contains((byte)'\\'))
        {
            return Matches(raw, key);
        }

        try
        {
            return Matches(Encoding.UTF8.GetBytes(property.Name), key);
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }

    private static bool Matches(ReadOnlySpan<byte> text, ReadOnlySpan<byte> key)
    {
        foreach (var expected in key)
        {
            if (!TryTakeFolded(ref text, out var folded) || folded != Lower(expected))
            {
                return false;
            }
        }
        return text.IsEmpty;
    }

    // Two characters beyond ASCII have an ASCII letter as their other case: the long s (U+017F) and the Kelvin sign (U+212A).
    private static bool TryTakeFolded(ref ReadOnlySpan<byte> text, out byte folded)
    {
        var taken = 1;
        folded = 0;
        if (text.IsEmpty)
        {
            return false;
        }

        if (text.StartsWith("\u017f"u8))
        {
            (folded, taken) = ((byte)'s', 2);
        }
        else if (text.StartsWith("\u212a"u8))
        {
            (folded, taken) = ((byte)'k', 3);
        }
        else
        {
            folded = Lower(text[0]);
        }

        text = text[taken..];
        return true;
    }

    private static byte Lower(byte c) => c is >= (byte)'A' and <= (byte)'Z' ? (byte)(c | 0x20) : c;
}

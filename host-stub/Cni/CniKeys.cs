using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace ACCOffload.HostStub.Cni;

/// <summary>
/// Matches keys like Go's encoding/json, with which the runtime and other plugins read the same configuration: case is ignored, and the
/// last of several equal keys wins. Otherwise, "MTU" or "IPAM" would take effect everywhere except in this plugin.
/// </summary>
internal static class CniKeys
{
    /// <summary>Length of the longest known key with every character escaped.</summary>
    private const int MaxEscaped = 256;

    /// <summary>Compares the reader's current property.</summary>
    public static bool Matches(ref Utf8JsonReader reader, ReadOnlySpan<byte> key)
    {
        if (!reader.ValueIsEscaped)
        {
            return Matches(reader.ValueSpan, key);
        }

        if (reader.ValueSpan.Length > MaxEscaped)
        {
            return false;
        }

        try
        {
            Span<byte> text = stackalloc byte[MaxEscaped];
            return Matches(text[..reader.CopyString(text)], key);
        }
        catch (InvalidOperationException)
        {
            // A lone surrogate: not a known key.
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

    // Two characters outside of ASCII fold to an ASCII letter: the long s (U+017F) and the Kelvin sign (U+212A).
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

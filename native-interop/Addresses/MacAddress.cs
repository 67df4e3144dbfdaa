using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace ACCOffload.NativeInterop.Addresses;

/// <summary>A 48-bit Ethernet address.</summary>
public readonly struct MacAddress : IEquatable<MacAddress>, IComparable<MacAddress>, ISpanFormattable
{
    /// <summary>Length in bytes.</summary>
    public const int Length = 6;

    // The first byte on the wire is the most significant of the 48 bits.
    private readonly ulong _value;

    /// <summary>Creates an address from six bytes in wire order.</summary>
    /// <exception cref="ArgumentException">The length is not six bytes.</exception>
    public MacAddress(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length != Length)
        {
            throw new ArgumentException($"a MAC address has {Length} bytes, not {bytes.Length}", nameof(bytes));
        }

        foreach (var b in bytes)
        {
            _value = (_value << 8) | b;
        }
    }

    /// <summary>Creates an address from the low 48 bits of a number; the first byte on the wire is the most significant.</summary>
    /// <exception cref="ArgumentOutOfRangeException">More than 48 bits.</exception>
    public MacAddress(ulong value)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, 0xFFFF_FFFF_FFFFUL);
        _value = value;
    }

    /// <summary>The address as a number; the first byte on the wire is the most significant of 48 bits.</summary>
    public ulong Value => _value;

    /// <summary>True for a group address (multicast or broadcast).</summary>
    public bool IsMulticast => (_value & 0x0100_0000_0000) != 0;

    /// <summary>True for 00:00:00:00:00:00, which is not a valid interface address.</summary>
    public bool IsZero => _value == 0;

    /// <summary>A random unicast, locally administered address.</summary>
    public static MacAddress Random()
    {
        Span<byte> bytes = stackalloc byte[Length];
        RandomNumberGenerator.Fill(bytes);
        bytes[0] = (byte)((bytes[0] & 0xFE) | 0x02);
        return new MacAddress(bytes);
    }

    /// <summary>Parses six pairs of hexadecimal digits separated by ':' or '-'.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out MacAddress address) => TryParse(text.AsSpan(), out address);

    /// <summary>Parses six pairs of hexadecimal digits separated by ':' or '-'.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out MacAddress address)
    {
        address = default;
        if (text.Length != 17 || text[2] is not (':' or '-'))
        {
            return false;
        }

        ulong value = 0;
        for (var i = 0; i < text.Length; i++)
        {
            if (i % 3 == 2)
            {
                if (text[i] != text[2])
                {
                    return false;
                }

                continue;
            }
            if (!char.IsAsciiHexDigit(text[i]))
            {
                return false;
            }

            value = (value << 4) | (uint)HexDigit(text[i]);
        }
        address = new MacAddress(value);
        return true;
    }

    /// <summary>Parses an address as <see cref="TryParse(string?, out MacAddress)"/> does.</summary>
    /// <exception cref="FormatException">The text is not in that form.</exception>
    public static MacAddress Parse(string text) =>
        TryParse(text, out var address) ? address : throw new FormatException($"'{text}' is not a MAC address such as 02:00:5e:10:00:01");

    /// <summary>Writes the six bytes in wire order.</summary>
    public void CopyTo(Span<byte> destination)
    {
        if (destination.Length < Length)
        {
            throw new ArgumentException("the destination is too short for a MAC address", nameof(destination));
        }

        for (var i = 0; i < Length; i++)
        {
            destination[i] = (byte)(_value >> (40 - (8 * i)));
        }
    }

    /// <summary>The six bytes in wire order.</summary>
    public byte[] ToArray()
    {
        var bytes = new byte[Length];
        CopyTo(bytes);
        return bytes;
    }

    /// <inheritdoc/>
    public bool TryFormat(
        Span<char> destination, out int charsWritten, ReadOnlySpan<char> format = default, IFormatProvider? provider = null)
    {
        charsWritten = 0;
        if (destination.Length < 17)
        {
            return false;
        }

        for (var i = 0; i < Length; i++)
        {
            var b = (int)(_value >> (40 - (8 * i))) & 0xFF;
            destination[3 * i] = "0123456789abcdef"[b >> 4];
            destination[(3 * i) + 1] = "0123456789abcdef"[b & 15];
            if (i < Length - 1)
            {
                destination[(3 * i) + 2] = ':';
            }
        }
        charsWritten = 17;
        return true;
    }

    /// <summary>Six pairs of lower-case hexadecimal digits separated by colons.</summary>
    public override string ToString() => string.Create(17, this, static (span, mac) => mac.TryFormat(span, out _));

    /// <inheritdoc/>
    public string ToString(string? format, IFormatProvider? formatProvider) => ToString();

    /// <inheritdoc/>
    public bool Equals(MacAddress other) => _value == other._value;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is MacAddress other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => _value.GetHashCode();

    /// <inheritdoc/>
    public int CompareTo(MacAddress other) => _value.CompareTo(other._value);

    /// <summary>Same address.</summary>
    public static bool operator ==(MacAddress left, MacAddress right) => left.Equals(right);

    /// <summary>Different address.</summary>
    public static bool operator !=(MacAddress left, MacAddress right) => !left.Equals(right);

    /// <summary>Numeric order.</summary>
    public static bool operator <(MacAddress left, MacAddress right) => left._value < right._value;

    /// <summary>Numeric order.</summary>
    public static bool operator >(MacAddress left, MacAddress right) => left._value > right._value;

    /// <summary>Numeric order.</summary>
    public static bool operator <=(MacAddress left, MacAddress right) => left._value <= right._value;

    /// <summary>Numeric order.</summary>
    public static bool operator >=(MacAddress left, MacAddress right) => left._value >= right._value;

    private static int HexDigit(char c) => c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

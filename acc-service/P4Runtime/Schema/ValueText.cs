using System.Globalization;
using System.Net;

namespace ACCOffload.P4Runtime.Schema;

/// <summary>Display format of a value. Does not affect what is sent.</summary>
public enum ValueFormat
{
    /// <summary>Decimal up to 64 bits, hexadecimal above.</summary>
    Number,

    /// <summary>An IPv4 or IPv6 address.</summary>
    Address,

    /// <summary>An Ethernet address.</summary>
    Mac,
}

/// <summary>Formats values for display.</summary>
internal static class ValueText
{
    public static ValueFormat Guess(string name, int bitWidth, IEnumerable<string> annotations)
    {
        foreach (var annotation in annotations)
        {
            if (annotation.Contains("MAC_ADDRESS", StringComparison.Ordinal) && bitWidth == 48)
            {
                return ValueFormat.Mac;
            }

            if (annotation.Contains("_ADDRESS", StringComparison.Ordinal) && bitWidth is 32 or 128)
            {
                return ValueFormat.Address;
            }
        }

        return bitWidth switch
        {
            48 => ValueFormat.Mac,
            128 => ValueFormat.Address,
            32 when name.Contains("ip", StringComparison.OrdinalIgnoreCase) || name.Contains("addr", StringComparison.OrdinalIgnoreCase) =>
                ValueFormat.Address,
            _ => ValueFormat.Number,
        };
    }

    public static string Format(ReadOnlySpan<byte> value, ValueFormat format)
    {
        switch (format)
        {
            case ValueFormat.Address when value.Length is 4 or 16:
                return new IPAddress(value).ToString();
            case ValueFormat.Mac when value.Length == 6:
                return $"{value[0]:x2}:{value[1]:x2}:{value[2]:x2}:{value[3]:x2}:{value[4]:x2}:{value[5]:x2}";
        }

        if (value.Length > 8)
        {
            return "0x" + Convert.ToHexStringLower(value);
        }

        ulong number = 0;
        foreach (var b in value)
        {
            number = (number << 8) | b;
        }

        return number.ToString(CultureInfo.InvariantCulture);
    }
}

using System.Globalization;

namespace ACCOffload.HostStub.Devices;

/// <summary>Numbers of functions, both ends included.</summary>
internal readonly record struct NumberRange(uint First, uint Last)
{
    public bool Contains(uint number) => number >= First && number <= Last;

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{First}-{Last}");

    /// <summary>Reads "3" or "0-7".</summary>
    public static string? Parse(string text, out NumberRange range)
    {
        range = default;
        var ends = text.Split('-');
        if (ends.Length > 2 || !Number(ends[0], out var first) || !Number(ends[^1], out var last))
        {
            return "is no range of numbers";
        }

        range = new NumberRange(first, last);
        return first <= last ? null : "ends before it begins";
    }

    private static bool Number(string text, out uint number) => uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}

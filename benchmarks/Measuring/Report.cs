using System.Globalization;
using System.Text.Json;

namespace ACCOffload.Benchmarks.Measuring;

/// <summary>One result of the run.</summary>
/// <param name="Name">The part and the figure.</param>
/// <param name="Value">The median.</param>
/// <param name="Unit">The unit of value and reference.</param>
/// <param name="Reference">The median of the reference in the same run.</param>
/// <param name="Ratio">Value divided by reference.</param>
/// <param name="Target">The target; null if the row is informational.</param>
/// <param name="Met">Whether the target is met.</param>
internal sealed record Row(string Name, double Value, string Unit, double? Reference, double? Ratio, string? Target, bool? Met);

/// <summary>Collects rows, prints them as a table and saves them in a JSON file.</summary>
internal sealed class Report(string path)
{
    private static readonly JsonSerializerOptions Json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private readonly List<Row> _rows = [];

    public IReadOnlyList<Row> Rows => _rows;

    public void Add(string name, double value, string unit) => Add(new Row(name, Rounded(value), unit, null, null, null, null));

    public void AddCompared(string name, double value, string unit, double reference) =>
        Add(new Row(name, Rounded(value), unit, Rounded(reference), Rounded(value / reference), null, null));

    public void AddAtMost(string name, double value, string unit, double limit) =>
        Add(new Row(name, Rounded(value), unit, null, null, $"<= {Text(limit)} {unit}", value <= limit));

    public void AddAtLeast(string name, double value, string unit, double limit) =>
        Add(new Row(name, Rounded(value), unit, null, null, $">= {Text(limit)} {unit}", value >= limit));

    public void AddRatioAtMost(string name, double value, string unit, double reference, double limit) =>
        Add(new Row(name, Rounded(value), unit, Rounded(reference), Rounded(value / reference), $"<= {Text(limit)} x",
            value / reference <= limit));

    public void AddRatioAtLeast(string name, double value, string unit, double reference, double limit) =>
        Add(new Row(name, Rounded(value), unit, Rounded(reference), Rounded(value / reference), $">= {Text(limit)} x",
            value / reference >= limit));

    public void Print(TextWriter output)
    {
        string[] head = ["what", "value", "unit", "reference", "ratio", "target", "met"];
        var lines = _rows.Select(row => new[]
        {
            row.Name, Text(row.Value), row.Unit, Text(row.Reference), Text(row.Ratio), row.Target ?? "",
            row.Met switch { true => "yes", false => "NO", null => "" },
        }).Prepend(head).ToArray();
        var widths = Enumerable.Range(0, head.Length).Select(column => lines.Max(line => line[column].Length)).ToArray();
        foreach (var line in lines)
        {
            var cells = line.Select((cell, column) => column is 1 or 3 or 4 ? cell.PadLeft(widths[column]) : cell.PadRight(widths[column]));
            output.WriteLine(string.Join("  ", cells).TrimEnd());
        }
    }

    private void Add(Row row)
    {
        _rows.Add(row);
        // Saved after each row, so that a failing part does not lose the results of the others.
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, JsonSerializer.Serialize(_rows, Json) + "\n");
    }

    private static double Rounded(double value) =>
        value == 0 ? 0 : Math.Round(value, Math.Clamp(3 - (int)Math.Floor(Math.Log10(Math.Abs(value))), 0, 6));

    private static string Text(double? value) => value?.ToString("#,0.###", CultureInfo.InvariantCulture) ?? "";
}

using System.Text;

namespace ACCOffload.InfraManager.CommandLine.Ctl;

/// <summary>Rows of text in aligned columns.</summary>
internal sealed class TextTable(params string[] header)
{
    private readonly List<string[]> _rows = [header];
    private readonly HashSet<int> _right = [];

    /// <summary>Aligns a column of numbers to the right.</summary>
    public TextTable Right(params int[] columns)
    {
        _right.UnionWith(columns);
        return this;
    }

    public void Add(params string[] row) => _rows.Add(row);

    public void WriteTo(TextWriter writer, string indent = "")
    {
        var widths = new int[_rows.Max(r => r.Length)];
        foreach (var row in _rows)
        {
            for (var i = 0; i < row.Length; i++)
            {
                widths[i] = Math.Max(widths[i], row[i].Length);
            }
        }
        foreach (var row in _rows)
        {
            var line = new StringBuilder(indent);
            for (var i = 0; i < row.Length; i++)
            {
                if (i > 0)
                {
                    line.Append("  ");
                }

                line.Append(_right.Contains(i) ? row[i].PadLeft(widths[i]) : row[i].PadRight(widths[i]));
            }
            writer.WriteLine(line.ToString().TrimEnd());
        }
    }
}

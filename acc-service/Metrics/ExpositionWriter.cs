using System.Buffers;
using System.Globalization;
using System.Text;

namespace ACCOffload.Metrics;

/// <summary>Writes metrics in a text format.</summary>
internal sealed class ExpositionWriter(ExpositionFormat format)
{
    private readonly ArrayBufferWriter<byte> _buffer = new(16 << 10);

    private bool IsOpen => format == ExpositionFormat.OpenMetrics;

    /// <summary>Writes the header of a metric; its samples follow.</summary>
    public void Begin(MetricFamily family)
    {
        // OpenMetrics names the metric, the older format names its samples.
        var name = IsOpen ? family.Name : family.SampleName;
        Put("# HELP ").Put(name).Put(" ").Escape(family.Help, quotes: IsOpen).Put("\n");
        Put("# TYPE ").Put(name).Put(" ").Put(TypeOf(family.Kind)).Put("\n");
        if (IsOpen && family.Unit.Length > 0)
        {
            Put("# UNIT ").Put(name).Put(" ").Put(family.Unit).Put("\n");
        }
    }

    /// <summary>Writes a series of the current metric.</summary>
    public void Write(MetricFamily family, string[] labels, Series series)
    {
        if (family.Kind != MetricKind.Histogram)
        {
            Put(family.SampleName).PutLabels(family, labels, null).Put(" ").Put(family.Kind == MetricKind.Info ? 1 : series.Sum).Put("\n");
            return;
        }
        long count = 0;
        for (var i = 0; i < series.Counts.Length; i++)
        {
            count += series.Counts[i];
            var bound = i < family.Buckets.Count ? family.Buckets[i] : double.PositiveInfinity;
            Put(family.Name).Put("_bucket").PutLabels(family, labels, bound).Put(" ").Put(count).Put("\n");
        }
        Put(family.Name).Put("_count").PutLabels(family, labels, null).Put(" ").Put(count).Put("\n");
        Put(family.Name).Put("_sum").PutLabels(family, labels, null).Put(" ").Put(series.Sum).Put("\n");
    }

    /// <summary>Ends the output and returns it.</summary>
    public ReadOnlyMemory<byte> End()
    {
        if (IsOpen)
        {
            Put("# EOF\n");
        }

        return _buffer.WrittenMemory;
    }

    private string TypeOf(MetricKind kind) => kind switch
    {
        MetricKind.Counter => "counter",
        MetricKind.Histogram => "histogram",
        MetricKind.Info when IsOpen => "info",
        _ => "gauge",
    };

    private ExpositionWriter PutLabels(MetricFamily family, string[] labels, double? bound)
    {
        if (labels.Length == 0 && bound is null)
        {
            return this;
        }

        var separator = "{";
        for (var i = 0; i < labels.Length; i++)
        {
            Put(separator).Put(family.Labels[i]).Put("=\"").Escape(labels[i], quotes: true).Put("\"");
            separator = ",";
        }
        if (bound is { } limit)
        {
            Put(separator).Put("le=\"").Put(limit, isBound: true).Put("\"");
        }

        return Put("}");
    }

    private ExpositionWriter Escape(string text, bool quotes)
    {
        var rest = text.AsSpan();
        while (rest.IndexOfAny('\\', '\n', '"') is >= 0 and var at)
        {
            Put(rest[..at]).Put(rest[at] switch
            {
                '\\' => @"\\",
                '\n' => @"\n",
                _ => quotes ? "\\\"" : "\"",
            });
            rest = rest[(at + 1)..];
        }
        return Put(rest);
    }

    private ExpositionWriter Put(ReadOnlySpan<char> text)
    {
        // A lone surrogate becomes U+FFFD: the output is always valid UTF-8.
        var target = _buffer.GetSpan(Encoding.UTF8.GetMaxByteCount(text.Length));
        _buffer.Advance(Encoding.UTF8.GetBytes(text, target));
        return this;
    }

    private ExpositionWriter Put(double value, bool isBound = false)
    {
        if (double.IsPositiveInfinity(value))
        {
            return Put("+Inf");
        }

        if (double.IsNegativeInfinity(value))
        {
            return Put("-Inf");
        }

        if (double.IsNaN(value))
        {
            return Put("NaN");
        }

        Span<char> text = stackalloc char[32];
        value.TryFormat(text, out var length, "R", CultureInfo.InvariantCulture);
        Put(text[..length]);
        // OpenMetrics requires bounds with a fraction.
        return isBound && IsOpen && !text[..length].ContainsAny('.', 'E') ? Put(".0") : this;
    }
}

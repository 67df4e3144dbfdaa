using System.Globalization;
using System.Net.Http.Headers;

namespace ACCOffload.Metrics;

/// <summary>The text formats of a scrape.</summary>
public enum ExpositionFormat
{
    /// <summary>Prometheus' text format, version 0.0.4.</summary>
    Text,

    /// <summary>OpenMetrics 1.0.0.</summary>
    OpenMetrics,
}

/// <summary>Negotiates the format with the client.</summary>
internal static class ExpositionFormats
{
    private const string OpenMetricsType = "application/openmetrics-text";

    /// <summary>The Content-Type of the response.</summary>
    public static string ContentType(ExpositionFormat format) => format == ExpositionFormat.OpenMetrics
        ? $"{OpenMetricsType}; version=1.0.0; charset=utf-8"
        : "text/plain; version=0.0.4; charset=utf-8";

    /// <summary>Chooses by the Accept header. The default is Prometheus' text format, which every scraper reads.</summary>
    public static ExpositionFormat Negotiate(string accept)
    {
        double open = 0, text = 0;
        foreach (var item in accept.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            if (!MediaTypeWithQualityHeaderValue.TryParse(item, out var wanted))
            {
                continue;
            }

            var quality = wanted.Quality ?? 1;
            var version = wanted.Parameters.FirstOrDefault(
                p => p.Name.Equals("version", StringComparison.OrdinalIgnoreCase))?.Value?.Trim('"') ?? "";
            switch (wanted.MediaType?.ToLower(CultureInfo.InvariantCulture))
            {
                case OpenMetricsType when version is "" or "1.0.0":
                    open = Math.Max(open, quality);
                    break;
                case "text/plain" when version is "" or "0.0.4":
                case "text/*" or "*/*":
                    text = Math.Max(text, quality);
                    break;
            }
        }
        return open > 0 && open >= text ? ExpositionFormat.OpenMetrics : ExpositionFormat.Text;
    }
}

namespace ACCOffload.Metrics;

/// <summary>What a metric is to a scraper.</summary>
public enum MetricKind
{
    /// <summary>Only grows; its samples end in <c>_total</c>.</summary>
    Counter,

    /// <summary>Goes up and down.</summary>
    Gauge,

    /// <summary>Counts observations by size.</summary>
    Histogram,

    /// <summary>Labels that tell something; its samples end in <c>_info</c> and are always 1.</summary>
    Info,
}

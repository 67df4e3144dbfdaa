using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Threading.Channels;
using ACCOffload.InfraManager.Cluster.Connection;
using ACCOffload.InfraManager.Cluster.Objects;

namespace ACCOffload.InfraManager.Cluster.Events;

/// <summary>
/// Writes Events (events.k8s.io/v1) to the API server. One that is told again is counted in its series, as client-go's recorder does: its first repeat is
/// written at once, later ones every half hour, and a series ends when it was not told for six minutes. Events are advice: when there are too many, or the
/// API server can't be reached, they are given up.
/// </summary>
/// <param name="client">The API server.</param>
/// <param name="node">The node that tells them.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">Where failures go.</param>
internal sealed partial class EventRecorder(ApiServerClient client, string node, TimeProvider time, ILogger logger)
{
    /// <summary>Tells the Events of this program from those of others.</summary>
    public const string Controller = "accoffload-inframanager";

    private const int MostWaiting = 1000;
    private const int MaxSeries = 4096;
    private const int Tries = 3;
    private static readonly TimeSpan Period = TimeSpan.FromMinutes(1);

    private readonly ILogger _logger = logger;
    private readonly LineBudget _lines = new(time);
    private readonly EventBudget _budget = new(time);
    private readonly Dictionary<(ObjectReference, bool, string, string), EventSeries> _series = [];
    private readonly Channel<ClusterEvent> _waiting = Channel.CreateBounded<ClusterEvent>(
        new BoundedChannelOptions(MostWaiting) { SingleReader = true, FullMode = BoundedChannelFullMode.DropWrite });

    /// <summary>How long a series may rest before it ends.</summary>
    public static TimeSpan SeriesEnd { get; } = TimeSpan.FromMinutes(6);

    /// <summary>How often the count of a series is written.</summary>
    public static TimeSpan SeriesRefresh { get; } = TimeSpan.FromMinutes(30);

    /// <summary>Between two tries of one Event.</summary>
    public static TimeSpan RetryAfter { get; } = TimeSpan.FromSeconds(10);

    /// <summary>Tells an Event; never waits. Thread-safe.</summary>
    public void Record(ClusterEvent told) => _waiting.Writer.TryWrite(told);

    /// <summary>Writes Events until cancelled; no failure ends it.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            var next = _waiting.Reader.WaitToReadAsync(cancellationToken).AsTask();
            while (true)
            {
                await Task.WhenAny(next, Task.Delay(Period, time, cancellationToken));
                cancellationToken.ThrowIfCancellationRequested();
                while (_waiting.Reader.TryRead(out var told))
                {
                    await TellAsync(told, cancellationToken);
                }

                await EndSeriesAsync(cancellationToken);
                if (next.IsCompleted)
                {
                    next = _waiting.Reader.WaitToReadAsync(cancellationToken).AsTask();
                }
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
        }
    }

    private async Task TellAsync(ClusterEvent told, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        if (_series.TryGetValue(told.Series, out var series) && now - series.Last < SeriesEnd)
        {
            series.Count++;
            series.Last = now;
            if (series.ToldCount == 1 && _budget.Take(told.Regarding))
            {
                await WriteAsync(series, cancellationToken);
            }

            return;
        }
        if (!_budget.Take(told.Regarding))
        {
            return;
        }

        if (_series.Count >= MaxSeries && series is null)
        {
            _series.Remove(_series.MinBy(s => s.Value.Last).Key);
        }

        series = new EventSeries(told, $"{told.Regarding.Name}.{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8))}", now);
        _series[told.Series] = series;
        await WriteAsync(series, cancellationToken);
    }

    private async Task EndSeriesAsync(CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        foreach (var (key, series) in _series.ToList())
        {
            var isOver = now - series.Last >= SeriesEnd;
            if (series.Count > series.ToldCount && series.ToldCount > 0 && (isOver || now - series.Told >= SeriesRefresh) && _budget.Take(series.First.Regarding))
            {
                await WriteAsync(series, cancellationToken);
            }

            if (isOver)
            {
                _series.Remove(key);
            }
        }
    }

    /// <summary>Creates the object, or brings its count up to date.</summary>
    private async Task WriteAsync(EventSeries series, CancellationToken cancellationToken)
    {
        for (var tried = 1; ; tried++)
        {
            var count = series.Count;
            try
            {
                await SendAsync(series, count, cancellationToken);
                series.ToldCount = count;
                series.Told = time.GetUtcNow();
                return;
            }
            catch (Exception e) when (!cancellationToken.IsCancellationRequested)
            {
                // What the API server refuses it refuses again.
                if (e is ApiException { Code: < 500 and not 429 } || tried == Tries)
                {
                    var regarding = series.First.Regarding;
                    var problem = ApiServerClient.Describe(e);
                    if (_lines.Decide(regarding.EventNamespace, "event", problem).Fate == LineFate.Written)
                    {
                        LogNotWritten(series.First.Reason, regarding.Kind, new ObjectName(regarding.Namespace, regarding.Name), problem);
                    }

                    return;
                }
            }
            await Task.Delay(RetryAfter, time, cancellationToken);
        }
    }

    private async Task SendAsync(EventSeries series, int count, CancellationToken cancellationToken)
    {
        var path = $"/apis/events.k8s.io/v1/namespaces/{Uri.EscapeDataString(series.First.Regarding.EventNamespace)}/events";
        var counted = count == 1 ? null : new EventSeriesDocument(count, Time(series.Last));
        if (series.ToldCount > 0 && counted is not null)
        {
            var patch = JsonSerializer.SerializeToUtf8Bytes(new EventPatchDocument(counted), EventJson.Default.EventPatchDocument);
            try
            {
                await client.SendAsync(HttpMethod.Patch, $"{path}/{Uri.EscapeDataString(series.Name)}", patch, "application/merge-patch+json", cancellationToken);
                return;
            }
            catch (ApiException e) when (e.Code == 404)
            {
                // The API server keeps Events for an hour: it is created again.
            }
        }
        await client.SendAsync(HttpMethod.Post, path, JsonSerializer.SerializeToUtf8Bytes(DocumentOf(series, counted), EventJson.Default.EventDocument), "application/json", cancellationToken);
    }

    private EventDocument DocumentOf(EventSeries series, EventSeriesDocument? counted)
    {
        var told = series.First;
        var regarding = told.Regarding;
        return new EventDocument(
            "events.k8s.io/v1",
            "Event",
            new EventMetadataDocument(series.Name, regarding.EventNamespace),
            Time(series.Began),
            Controller,
            node,
            told.Action,
            told.Reason,
            new ReferenceDocument(regarding.ApiVersion, regarding.Kind, regarding.Namespace.Length == 0 ? null : regarding.Namespace, regarding.Name, regarding.Uid.Length == 0 ? null : regarding.Uid),
            told.ShortNote,
            told.IsWarning ? "Warning" : "Normal",
            counted);
    }

    // meta/v1 MicroTime.
    private static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);

    [LoggerMessage(EventId = 4031, Level = LogLevel.Warning, Message = "Event {Reason} on {Kind} {Object} could not be written: {Problem}")]
    private partial void LogNotWritten(string reason, string kind, ObjectName @object, string problem);
}

/// <summary>An Event that was told, and how often. Times are the wall clock's, which the API server shows.</summary>
internal sealed class EventSeries(ClusterEvent first, string name, DateTimeOffset began)
{
    public ClusterEvent First { get; } = first;

    /// <summary>Of the object in the API.</summary>
    public string Name { get; } = name;

    public DateTimeOffset Began { get; } = began;

    public int Count { get; set; } = 1;

    public DateTimeOffset Last { get; set; } = began;

    /// <summary>What the API server has been told.</summary>
    public int ToldCount { get; set; }

    public DateTimeOffset Told { get; set; } = began;
}

// events.k8s.io/v1, the fields that are written.

internal sealed record EventDocument(
    string ApiVersion,
    string Kind,
    EventMetadataDocument Metadata,
    string EventTime,
    string ReportingController,
    string ReportingInstance,
    string Action,
    string Reason,
    ReferenceDocument Regarding,
    string Note,
    string Type,
    EventSeriesDocument? Series);

internal sealed record EventMetadataDocument(string Name, string Namespace);

internal sealed record ReferenceDocument(string ApiVersion, string Kind, string? Namespace, string Name, string? Uid);

internal sealed record EventSeriesDocument(int Count, string LastObservedTime);

/// <summary>A merge patch: everything but the series is immutable.</summary>
internal sealed record EventPatchDocument(EventSeriesDocument Series);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(EventDocument))]
[JsonSerializable(typeof(EventPatchDocument))]
internal sealed partial class EventJson : JsonSerializerContext;

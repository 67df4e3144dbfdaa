using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Threading.Channels;
using ACCOffload.InfraManager.Cluster.Connection;
using ACCOffload.InfraManager.Cluster.Objects;

namespace ACCOffload.InfraManager.Cluster.Events;

/// <summary>
/// Writes events (events.k8s.io/v1) to the API server. Repeated events are counted in a series, as in client-go: the first repeat is
/// written immediately, later counts every half hour, and a series ends after six minutes without a repeat. Events are best effort: they
/// are dropped when there are too many or the API server cannot be reached.
/// </summary>
/// <param name="client">The API server.</param>
/// <param name="node">The reporting node.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">Receives failures.</param>
internal sealed partial class EventRecorder(ApiServerClient client, string node, TimeProvider time, ILogger logger)
{
    /// <summary>Identifies this program as the reporter of an event.</summary>
    public const string Controller = "accoffload-inframanager";

    private const int MaxQueued = 1000;
    private const int MaxSeries = 4096;
    private const int MaxAttempts = 3;
    private static readonly TimeSpan FlushInterval = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan SeriesRefresh = TimeSpan.FromMinutes(30);
    private static readonly TimeSpan SeriesTimeout = TimeSpan.FromMinutes(6);

    private readonly ILogger _logger = logger;
    private readonly LineBudget _lines = new(time);
    private readonly EventBudget _budget = new(time);
    private readonly Dictionary<(ObjectReference, bool, string, string), EventSeries> _series = [];
    private readonly Channel<ClusterEvent> _queue = Channel.CreateBounded<ClusterEvent>(
        new BoundedChannelOptions(MaxQueued) { SingleReader = true, FullMode = BoundedChannelFullMode.DropWrite });

    /// <summary>Queues an event without waiting. Thread-safe.</summary>
    public void Record(ClusterEvent clusterEvent) => _queue.Writer.TryWrite(clusterEvent);

    /// <summary>Writes events until cancelled; failures do not stop it.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            var next = _queue.Reader.WaitToReadAsync(cancellationToken).AsTask();
            while (true)
            {
                await Task.WhenAny(next, Task.Delay(FlushInterval, time, cancellationToken));
                cancellationToken.ThrowIfCancellationRequested();
                while (_queue.Reader.TryRead(out var clusterEvent))
                {
                    await HandleAsync(clusterEvent, cancellationToken);
                }

                await FlushSeriesAsync(cancellationToken);
                if (next.IsCompleted)
                {
                    next = _queue.Reader.WaitToReadAsync(cancellationToken).AsTask();
                }
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
        }
    }

    private async Task HandleAsync(ClusterEvent clusterEvent, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        if (_series.TryGetValue(clusterEvent.SeriesKey, out var series) && now - series.LastSeen < SeriesTimeout)
        {
            series.Count++;
            series.LastSeen = now;
            if (series.ReportedCount == 1 && _budget.TryTake(clusterEvent.Regarding))
            {
                await WriteAsync(series, cancellationToken);
            }

            return;
        }
        if (!_budget.TryTake(clusterEvent.Regarding))
        {
            return;
        }

        if (_series.Count >= MaxSeries && series is null)
        {
            _series.Remove(_series.MinBy(s => s.Value.LastSeen).Key);
        }

        var suffix = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));
        series = new EventSeries(clusterEvent, $"{clusterEvent.Regarding.Name}.{suffix}", now);
        _series[clusterEvent.SeriesKey] = series;
        await WriteAsync(series, cancellationToken);
    }

    private async Task FlushSeriesAsync(CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        foreach (var (key, series) in _series.ToList())
        {
            var hasEnded = now - series.LastSeen >= SeriesTimeout;
            var isDue = hasEnded || now - series.ReportedAt >= SeriesRefresh;
            if (isDue && series.Count > series.ReportedCount && series.ReportedCount > 0 && _budget.TryTake(series.Event.Regarding))
            {
                await WriteAsync(series, cancellationToken);
            }

            if (hasEnded)
            {
                _series.Remove(key);
            }
        }
    }

    /// <summary>Creates the event object or updates its count.</summary>
    private async Task WriteAsync(EventSeries series, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            var count = series.Count;
            try
            {
                await SendAsync(series, count, isRetry: attempt > 1, cancellationToken);
                series.ReportedCount = count;
                series.ReportedAt = time.GetUtcNow();
                return;
            }
            catch (Exception e) when (!cancellationToken.IsCancellationRequested)
            {
                // Retrying does not help if the API server rejects the request.
                if (e is ApiException { Code: < 500 and not 429 } || attempt == MaxAttempts)
                {
                    var regarding = series.Event.Regarding;
                    var problem = ApiServerClient.Describe(e);
                    if (_lines.Decide(regarding.EventNamespace, "event", problem).Fate == LineFate.Written)
                    {
                        LogNotWritten(
                            series.Event.Reason, regarding.Kind, new ObjectName(regarding.Namespace, regarding.Name), problem);
                    }

                    return;
                }
            }
            await Task.Delay(RetryDelay, time, cancellationToken);
        }
    }

    private async Task SendAsync(EventSeries series, int count, bool isRetry, CancellationToken cancellationToken)
    {
        var path = $"/apis/events.k8s.io/v1/namespaces/{Uri.EscapeDataString(series.Event.Regarding.EventNamespace)}/events";
        var seriesDocument = count == 1 ? null : new EventSeriesDocument(count, Time(series.LastSeen));
        if (series.ReportedCount > 0 && seriesDocument is not null)
        {
            var patch = JsonSerializer.SerializeToUtf8Bytes(new EventPatchDocument(seriesDocument), EventJson.Default.EventPatchDocument);
            try
            {
                var eventPath = $"{path}/{Uri.EscapeDataString(series.Name)}";
                await client.SendAsync(HttpMethod.Patch, eventPath, patch, "application/merge-patch+json", cancellationToken);
                return;
            }
            catch (ApiException e) when (e.Code == 404)
            {
                // The API server keeps events for an hour; create the event again.
            }
        }
        var document = JsonSerializer.SerializeToUtf8Bytes(ToDocument(series, seriesDocument), EventJson.Default.EventDocument);
        try
        {
            await client.SendAsync(HttpMethod.Post, path, document, "application/json", cancellationToken);
        }
        catch (ApiException e) when (e.Code == 409 && isRetry)
        {
            // The name is random: the former attempt created it, and its response was lost.
        }
    }

    private EventDocument ToDocument(EventSeries series, EventSeriesDocument? seriesDocument)
    {
        var clusterEvent = series.Event;
        var regarding = clusterEvent.Regarding;
        return new EventDocument(
            "events.k8s.io/v1",
            "Event",
            new EventMetadataDocument(series.Name, regarding.EventNamespace),
            Time(series.FirstSeen),
            Controller,
            node,
            clusterEvent.Action,
            clusterEvent.Reason,
            new ReferenceDocument(
                regarding.ApiVersion,
                regarding.Kind,
                regarding.Namespace.Length == 0 ? null : regarding.Namespace,
                regarding.Name,
                regarding.Uid.Length == 0 ? null : regarding.Uid),
            clusterEvent.TruncatedNote,
            clusterEvent.IsWarning ? "Warning" : "Normal",
            seriesDocument);
    }

    // meta/v1 MicroTime.
    private static string Time(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);

    [LoggerMessage(EventId = 4031, Level = LogLevel.Warning, Message = "Cannot write event {Reason} on {Kind} {Object}: {Problem}")]
    private partial void LogNotWritten(string reason, string kind, ObjectName @object, string problem);
}

/// <summary>A recorded event and its repeats. Times are wall-clock times because the API server shows them.</summary>
internal sealed class EventSeries(ClusterEvent firstEvent, string name, DateTimeOffset firstSeen)
{
    public ClusterEvent Event { get; } = firstEvent;

    /// <summary>Name of the event object in the API.</summary>
    public string Name { get; } = name;

    public DateTimeOffset FirstSeen { get; } = firstSeen;

    public int Count { get; set; } = 1;

    public DateTimeOffset LastSeen { get; set; } = firstSeen;

    /// <summary>The count last written to the API server; 0 before the event is created.</summary>
    public int ReportedCount { get; set; }

    public DateTimeOffset ReportedAt { get; set; } = firstSeen;
}

// events.k8s.io/v1, limited to the fields that are written.

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

/// <summary>A merge patch: all fields except the series are immutable.</summary>
internal sealed record EventPatchDocument(EventSeriesDocument Series);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(EventDocument))]
[JsonSerializable(typeof(EventPatchDocument))]
internal sealed partial class EventJson : JsonSerializerContext;

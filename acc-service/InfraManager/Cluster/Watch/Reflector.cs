using System.Globalization;
using System.Net;
using ACCOffload.InfraManager.Cluster.Connection;
using ACCOffload.InfraManager.Cluster.Objects;
using ACCOffload.Retries;

namespace ACCOffload.InfraManager.Cluster.Watch;

/// <summary>
/// Keeps a sink in sync with the API server's objects of one kind: lists them in pages, then watches from the list's version. After a lost
/// connection the watch resumes from the last version seen; the objects are listed again only if that version has expired. Objects are
/// removed only by an event or a complete list.
/// </summary>
internal sealed partial class Reflector<T>
    where T : KubeObject
{
    private static readonly TimeSpan ShortWatch = TimeSpan.FromSeconds(1);

    // An upgrade of the API server may add the kind.
    private static readonly TimeSpan AbsentKindRetry = TimeSpan.FromMinutes(5);

    private readonly ResourceKind<T> _kind;
    private readonly ApiServerClient _client;
    private readonly IObjectSink<T> _sink;
    private readonly ApiServerOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Backoff _backoff;
    private readonly TaskCompletionSource _synced = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile ReflectorStatus _status;
    private string? _version;
    private int _pageSize;
    private int _failedWatches;
    private bool _progress;
    private bool _failing;
    private bool _expired;

    public Reflector(
        ResourceKind<T> kind, ApiServerClient client, IObjectSink<T> sink, ApiServerOptions options, TimeProvider time, ILogger logger)
    {
        _kind = kind;
        _client = client;
        _sink = sink;
        _options = options;
        _time = time;
        _logger = logger;
        _pageSize = options.PageSize;
        _backoff = new Backoff(options.BackoffMin, options.BackoffMax);
        _status = new ReflectorStatus { Kind = kind.Kind };
    }

    public ReflectorStatus Status => _status;

    /// <summary>Completes after the first complete list.</summary>
    public Task Synced => _synced.Task;

    /// <summary>Runs until cancelled; failures are retried.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            while (!cancellationToken.IsCancellationRequested)
            {
                _progress = false;
                var wait = await RunOnceAsync(cancellationToken);
                if (wait > TimeSpan.Zero)
                {
                    await Task.Delay(wait, _time, cancellationToken);
                }
            }
        }
        catch (Exception) when (cancellationToken.IsCancellationRequested)
        {
            // Cancelled; an error at the same time does not matter.
        }
        finally
        {
            Set(_status with { Phase = ReflectorPhase.Stopped });
        }
    }

    /// <summary>Lists the objects if necessary, then watches until the watch ends. Returns how long to wait before the next call.</summary>
    private async Task<TimeSpan> RunOnceAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (_version is null)
            {
                await ListAsync(cancellationToken);
            }

            var start = _time.GetTimestamp();
            await WatchAsync(cancellationToken);
            OnSuccess();
            // Back off if the server ends watches immediately.
            return _progress || _time.GetElapsedTime(start) >= ShortWatch ? TimeSpan.Zero : _backoff.Next();
        }
        catch (ApiException e) when (e.IsExpired)
        {
            LogExpired(_kind.Kind, _version ?? "");
            _version = null;
            Set(_status with { ResourceVersion = "" });
            // Retry immediately the first time; a list that keeps expiring is a failure like any other.
            if (!_expired)
            {
                _expired = true;
                return TimeSpan.Zero;
            }
            return OnFailure(e);
        }
        catch (ApiException e) when (_kind.IsOptional && e.Code == (int)HttpStatusCode.NotFound)
        {
            return OnAbsent();
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            return OnFailure(e);
        }
    }

    /// <summary>
    /// The API server does not have the kind. The last known objects stay in use: during an upgrade, another server may have it.
    /// </summary>
    private TimeSpan OnAbsent()
    {
        if (_status.Phase != ReflectorPhase.Absent)
        {
            LogAbsent(_kind.Kind);
        }

        _version = null;
        OnSuccess();
        Set(_status with { Phase = ReflectorPhase.Absent, Synced = true, ResourceVersion = "", Objects = 0 });
        _synced.TrySetResult();
        return AbsentKindRetry;
    }

    private TimeSpan OnFailure(Exception e)
    {
        var problem = ApiServerClient.Describe(e);
        if (e is BodyTooLargeException && _version is null && _pageSize > 1)
        {
            _pageSize /= 2;
        }
        // List again if the server rejects the request (such as an unknown version), or if the watch keeps failing.
        var isRejected = e is ApiException { Code: >= 400 and < 500 and not 401 and not 403 and not 429 };
        if (_version is not null && (isRejected || ++_failedWatches >= _options.MaxWatchFailures))
        {
            _version = null;
        }

        if (!_failing || _status.LastError != problem)
        {
            LogFailed(_kind.Kind, problem);
        }

        _failing = true;
        Set(_status with
        {
            Phase = ReflectorPhase.Waiting,
            Errors = _status.Errors + 1,
            LastError = problem,
            LastErrorTime = _time.GetUtcNow(),
            ResourceVersion = _version ?? "",
        });
        if (_progress)
        {
            _backoff.Reset();
        }

        var wait = _backoff.Next();
        return e is ApiException { RetryAfter: { } asked } && asked > wait ? asked : wait;
    }

    private void OnSuccess()
    {
        if (_failing)
        {
            LogRecovered(_kind.Kind);
        }

        _failing = false;
        _expired = false;
        _failedWatches = 0;
        if (_progress)
        {
            _backoff.Reset();
        }
    }

    private async Task ListAsync(CancellationToken cancellationToken)
    {
        Set(_status with { Phase = ReflectorPhase.Listing });
        var objects = new Dictionary<ObjectName, T>();
        var unreadable = new List<ObjectName>();
        var next = "";
        string version;
        do
        {
            var query = string.Create(CultureInfo.InvariantCulture, $"{_kind.Path}?limit={_pageSize}{_kind.Selector}");
            if (next.Length > 0)
            {
                query += "&continue=" + Uri.EscapeDataString(next);
            }

            var page = await ReadPageAsync(query, cancellationToken);
            // By name, because an object that changes during the list may appear twice.
            foreach (var item in page.Objects)
            {
                objects[item.Name] = item;
            }

            foreach (var (name, problem) in page.Unreadable)
            {
                unreadable.Add(name);
                ReportUnreadable(problem);
            }
            if (objects.Count + unreadable.Count > _options.MaxObjects)
            {
                throw TooManyObjects();
            }

            if (next.Length > 0 && page.Continue == next)
            {
                throw new KubeFormatException(_kind.Kind + "List", "metadata.continue", "repeats the previous token");
            }

            next = page.Continue;
            version = page.ResourceVersion;
        }
        while (next.Length > 0);

        _sink.Replace(objects.Values, unreadable);
        _version = version;
        _failedWatches = 0;
        Set(_status with
        {
            Synced = true,
            ResourceVersion = version,
            Objects = _sink.Count,
            Lists = _status.Lists + 1,
            LastList = _time.GetUtcNow(),
        });
        LogListed(objects.Count, _kind.Kind, version);
        _synced.TrySetResult();
    }

    private async Task<ListPage<T>> ReadPageAsync(string query, CancellationToken cancellationToken)
    {
        using var response = await _client.GetAsync(query, cancellationToken);
        using var body = new BodyReader(await response.Content.ReadAsStreamAsync(cancellationToken), _options.BodyIdleTimeout, _time);
        var json = await body.ReadAllAsync(_options.MaxPageBytes, cancellationToken);
        return ListPage<T>.Read(json.Span, _kind, _options.MaxObjectBytes);
    }

    private async Task WatchAsync(CancellationToken cancellationToken)
    {
        var seconds = (int)Math.Max(1, _options.WatchDuration.TotalSeconds * (1 + Random.Shared.NextDouble()));
        LogWatching(_kind.Kind, _version!, seconds);
        var query = string.Create(
            CultureInfo.InvariantCulture,
            $"{_kind.Path}?watch=true&allowWatchBookmarks=true&timeoutSeconds={seconds}"
            + $"&resourceVersion={Uri.EscapeDataString(_version!)}{_kind.Selector}");
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(seconds) + _options.WatchGrace, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            using var response = await _client.GetAsync(query, either.Token);
            Set(_status with { Phase = ReflectorPhase.Watching });
            // An idle watch is normal; only its total duration is limited.
            using var body = new BodyReader(await response.Content.ReadAsStreamAsync(either.Token), Timeout.InfiniteTimeSpan, _time);
            while (await body.ReadLineAsync(_options.MaxObjectBytes, either.Token) is { } line)
            {
                Apply(WatchEvent<T>.Read(line.Span, _kind));
                OnSuccess();
            }
        }
        catch (Exception e) when (limit.IsCancellationRequested && !cancellationToken.IsCancellationRequested
            && e is OperationCanceledException or IOException)
        {
            var total = TimeSpan.FromSeconds(seconds) + _options.WatchGrace;
            throw new TimeoutException($"the server did not end the watch within {total.TotalSeconds:0} s");
        }
    }

    private void Apply(WatchEvent<T> seen)
    {
        if (seen.Type == WatchEventType.Error)
        {
            throw ApiException.FromStatus(seen.Status, (int)HttpStatusCode.InternalServerError);
        }

        if (seen.Problem is { } problem)
        {
            ReportUnreadable(problem);
        }

        if (seen.Type == WatchEventType.Deleted)
        {
            _sink.Remove(seen.Name);
        }
        else if (seen.Object is { } changed)
        {
            ApplyChange(changed);
        }

        _version = seen.ResourceVersion;
        _progress = true;
        Set(_status with
        {
            ResourceVersion = seen.ResourceVersion,
            Objects = _sink.Count,
            Events = _status.Events + 1,
            LastEvent = _time.GetUtcNow(),
        });
    }

    private void ApplyChange(T changed)
    {
        if (_sink.Count > _options.MaxObjects)
        {
            throw TooManyObjects();
        }

        _sink.Apply(changed);
    }

    private InvalidDataException TooManyObjects() => new($"too many {_kind.Kind} objects: the limit is {_options.MaxObjects}");

    private void ReportUnreadable(string problem)
    {
        LogUnreadable(problem);
        Set(_status with { Errors = _status.Errors + 1, LastError = problem, LastErrorTime = _time.GetUtcNow() });
    }

    // Called only by the loop, so that reads and writes do not race.
    private void Set(ReflectorStatus status) => _status = status;

    [LoggerMessage(EventId = 4011, Level = LogLevel.Information, Message = "Listed {Count} {Kind} objects at resource version {Version}")]
    private partial void LogListed(int count, string kind, string version);

    [LoggerMessage(EventId = 4012, Level = LogLevel.Warning,
        Message = "{Kind} watch failed: {Problem}; retrying, the last known objects stay in use")]
    private partial void LogFailed(string kind, string problem);

    [LoggerMessage(EventId = 4013, Level = LogLevel.Information,
        Message = "{Kind} watch: resource version {Version} has expired; listing again")]
    private partial void LogExpired(string kind, string version);

    [LoggerMessage(EventId = 4014, Level = LogLevel.Warning, Message = "Cannot read an object: {Problem}")]
    private partial void LogUnreadable(string problem);

    [LoggerMessage(EventId = 4015, Level = LogLevel.Debug,
        Message = "Watching {Kind} objects from resource version {Version} for {Seconds} s")]
    private partial void LogWatching(string kind, string version, int seconds);

    [LoggerMessage(EventId = 4017, Level = LogLevel.Information, Message = "The API server does not serve {Kind} objects")]
    private partial void LogAbsent(string kind);

    [LoggerMessage(EventId = 4016, Level = LogLevel.Information, Message = "{Kind} watch works again")]
    private partial void LogRecovered(string kind);
}

/// <summary>Receives the objects of one kind from a <see cref="Reflector{T}"/>. Called by one thread at a time.</summary>
internal interface IObjectSink<in T>
    where T : KubeObject
{
    int Count { get; }

    /// <summary>Replaces all objects. Those of <paramref name="unreadable"/> without a new version keep the previous one.</summary>
    void Replace(IReadOnlyCollection<T> objects, IReadOnlyCollection<ObjectName> unreadable);

    void Apply(T changed);

    void Remove(ObjectName name);
}

/// <summary>An immutable snapshot of a reflector's state, for <c>ctl status</c>.</summary>
internal sealed record ReflectorStatus
{
    /// <summary>The kind of the objects, such as <c>EndpointSlice</c>.</summary>
    public required string Kind { get; init; }

    public ReflectorPhase Phase { get; init; }

    /// <summary>Whether a list has completed: the objects are complete, though possibly outdated.</summary>
    public bool Synced { get; init; }

    /// <summary>Empty before the first list and while a new list is pending.</summary>
    public string ResourceVersion { get; init; } = "";

    public int Objects { get; init; }

    public DateTimeOffset? LastList { get; init; }

    /// <summary>Time of the last event, including bookmarks.</summary>
    public DateTimeOffset? LastEvent { get; init; }

    public long Lists { get; init; }

    public long Events { get; init; }

    /// <summary>Completed lists after the first one.</summary>
    public long Relists => Math.Max(0, Lists - 1);

    /// <summary>Failed lists and watches, and unreadable objects.</summary>
    public long Errors { get; init; }

    /// <summary>The last error in one line; kept after recovery.</summary>
    public string LastError { get; init; } = "";

    public DateTimeOffset? LastErrorTime { get; init; }
}

internal enum ReflectorPhase
{
    Starting,
    Listing,
    Watching,

    /// <summary>Waiting to retry after a failure.</summary>
    Waiting,

    /// <summary>The API server does not have the kind; asked again later.</summary>
    Absent,
    Stopped,
}

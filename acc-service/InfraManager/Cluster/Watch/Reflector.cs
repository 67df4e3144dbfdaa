using System.Globalization;
using System.Net;
using ACCOffload.InfraManager.Cluster.Connection;
using ACCOffload.InfraManager.Cluster.Objects;
using ACCOffload.Retries;

namespace ACCOffload.InfraManager.Cluster.Watch;

/// <summary>
/// Keeps a sink equal to what the API server has of one kind: list in chunks, then watch from the list's version; after a lost connection go on from
/// the last version seen; list again only when the server has forgotten it. Nothing is removed but by an event or a completed list.
/// </summary>
internal sealed partial class Reflector<T>
    where T : KubeObject
{
    private static readonly TimeSpan ShortWatch = TimeSpan.FromSeconds(1);

    private readonly ResourceKind<T> _kind;
    private readonly ApiServerClient _client;
    private readonly IObjectSink<T> _sink;
    private readonly ReflectorOptions _options;
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

    public Reflector(ResourceKind<T> kind, ApiServerClient client, IObjectSink<T> sink, ReflectorOptions options, TimeProvider time, ILogger logger)
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

    /// <summary>Completes when everything was listed once.</summary>
    public Task Synced => _synced.Task;

    /// <summary>Runs until cancelled; no failure ends it.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            while (!cancellationToken.IsCancellationRequested)
            {
                _progress = false;
                var wait = await TryAsync(cancellationToken);
                if (wait > TimeSpan.Zero)
                {
                    await Task.Delay(wait, _time, cancellationToken);
                }
            }
        }
        catch (Exception) when (cancellationToken.IsCancellationRequested)
        {
            // The end, whatever else went wrong in the same moment.
        }
        finally
        {
            Set(_status with { Phase = ReflectorPhase.Stopped });
        }
    }

    /// <summary>Lists if that is needed, and watches until the watch ends. Returns how long to wait before going on.</summary>
    private async Task<TimeSpan> TryAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (_version is null)
            {
                await ListAsync(cancellationToken);
            }

            var start = _time.GetTimestamp();
            await WatchAsync(cancellationToken);
            Recovered();
            // A server that ends each watch at once would otherwise be asked without a pause.
            return _progress || _time.GetElapsedTime(start) >= ShortWatch ? TimeSpan.Zero : _backoff.Next();
        }
        catch (ApiException e) when (e.IsExpired)
        {
            LogExpired(_kind.Kind, _version ?? "");
            _version = null;
            Set(_status with { ResourceVersion = "" });
            // Once at once; a list that expires again and again is a failure like others.
            if (!_expired)
            {
                _expired = true;
                return TimeSpan.Zero;
            }
            return Failed(e);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            return Failed(e);
        }
    }

    private TimeSpan Failed(Exception e)
    {
        var problem = ApiServerClient.Describe(e);
        if (e is BodyTooLargeException && _version is null && _pageSize > 1)
        {
            _pageSize /= 2;
        }
        // Refused for what it asks (such as a version that the server never had), or failing again and again: start over.
        if (_version is not null && (e is ApiException { Code: >= 400 and < 500 and not 401 and not 403 and not 429 } || ++_failedWatches >= _options.WatchTries))
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

    private void Recovered()
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

            var page = await PageAsync(query, cancellationToken);
            // By name: an object that moves while its list is read may come twice.
            foreach (var item in page.Objects)
            {
                objects[item.Name] = item;
            }

            foreach (var (name, problem) in page.Unreadable)
            {
                unreadable.Add(name);
                NoteUnreadable(problem);
            }
            if (objects.Count + unreadable.Count > _options.MostObjects)
            {
                throw TooMany();
            }

            if (next.Length > 0 && page.Continue == next)
            {
                throw new KubeFormatException(_kind.Kind + "List", "metadata.continue", "does not change");
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
        LogListed(_kind.Kind, objects.Count, version);
        _synced.TrySetResult();
    }

    private async Task<ListPage<T>> PageAsync(string query, CancellationToken cancellationToken)
    {
        using var response = await _client.GetAsync(query, cancellationToken);
        using var body = new BodyReader(await response.Content.ReadAsStreamAsync(cancellationToken), _options.BodyIdleLimit, _time);
        var json = await body.ReadAllAsync(_options.LargestPage, cancellationToken);
        return ListPage<T>.Read(json.Span, _kind, _options.LargestObject);
    }

    private async Task WatchAsync(CancellationToken cancellationToken)
    {
        var seconds = (int)Math.Max(1, _options.WatchTime.TotalSeconds * (1 + Random.Shared.NextDouble()));
        LogWatching(_kind.Kind, _version!, seconds);
        var query = string.Create(
            CultureInfo.InvariantCulture,
            $"{_kind.Path}?watch=true&allowWatchBookmarks=true&timeoutSeconds={seconds}&resourceVersion={Uri.EscapeDataString(_version!)}{_kind.Selector}");
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(seconds) + _options.WatchGrace, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            using var response = await _client.GetAsync(query, either.Token);
            Set(_status with { Phase = ReflectorPhase.Watching, Watches = _status.Watches + 1 });
            // Silence is normal in a watch: its own limit counts.
            using var body = new BodyReader(await response.Content.ReadAsStreamAsync(either.Token), Timeout.InfiniteTimeSpan, _time);
            while (await body.ReadLineAsync(_options.LargestObject, either.Token) is { } line)
            {
                Take(WatchEvent<T>.Read(line.Span, _kind));
                Recovered();
            }
        }
        catch (Exception e) when (limit.IsCancellationRequested && !cancellationToken.IsCancellationRequested && e is OperationCanceledException or IOException)
        {
            throw new TimeoutException($"the watch did not end within {(TimeSpan.FromSeconds(seconds) + _options.WatchGrace).TotalSeconds:0} s");
        }
    }

    private void Take(WatchEvent<T> seen)
    {
        if (seen.Type == WatchEventType.Error)
        {
            throw ApiException.Of(seen.Status, (int)HttpStatusCode.InternalServerError);
        }

        if (seen.Problem is { } problem)
        {
            NoteUnreadable(problem);
        }

        if (seen.Type == WatchEventType.Deleted)
        {
            _sink.Remove(seen.Name);
        }
        else if (seen.Object is { } changed)
        {
            Change(changed);
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

    private void Change(T changed)
    {
        if (_sink.Count > _options.MostObjects)
        {
            throw TooMany();
        }

        _sink.Apply(changed);
    }

    private InvalidDataException TooMany() => new($"there are more than {_options.MostObjects} objects of the kind {_kind.Kind}, more than are taken in");

    private void NoteUnreadable(string problem)
    {
        LogUnreadable(problem);
        Set(_status with { Errors = _status.Errors + 1, LastError = problem, LastErrorTime = _time.GetUtcNow() });
    }

    // Only the loop's own thread writes.
    private void Set(ReflectorStatus status) => _status = status;

    [LoggerMessage(EventId = 4011, Level = LogLevel.Information, Message = "{Kind}: {Count} listed at {Version}")]
    private partial void LogListed(string kind, int count, string version);

    [LoggerMessage(EventId = 4012, Level = LogLevel.Warning, Message = "{Kind}: {Problem}; trying again, what is known stays")]
    private partial void LogFailed(string kind, string problem);

    [LoggerMessage(EventId = 4013, Level = LogLevel.Information, Message = "{Kind}: version {Version} is too old by now; listing again")]
    private partial void LogExpired(string kind, string version);

    [LoggerMessage(EventId = 4014, Level = LogLevel.Warning, Message = "{Problem}; its former version stays in force")]
    private partial void LogUnreadable(string problem);

    [LoggerMessage(EventId = 4015, Level = LogLevel.Debug, Message = "{Kind}: watch from {Version} for {Seconds} s")]
    private partial void LogWatching(string kind, string version, int seconds);

    [LoggerMessage(EventId = 4016, Level = LogLevel.Information, Message = "{Kind}: works again")]
    private partial void LogRecovered(string kind);
}

/// <summary>Takes what a <see cref="Reflector{T}"/> sees of one kind. Called by one thread at a time.</summary>
internal interface IObjectSink<in T>
    where T : KubeObject
{
    int Count { get; }

    /// <summary>These are all there are; what else is held is gone, except for <paramref name="unreadable"/>: of those the former version stays.</summary>
    void Replace(IReadOnlyCollection<T> objects, IReadOnlyCollection<ObjectName> unreadable);

    void Apply(T changed);

    void Remove(ObjectName name);
}

using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using ACCOffload.InfraManager.Cluster.Connection;
using ACCOffload.InfraManager.Cluster.Objects;
using ACCOffload.InfraManager.Cluster.Watch;
using ACCOffload.TestKit.Cluster;
using Microsoft.AspNetCore.Http;

namespace ACCOffload.InfraManager.Tests.Kubernetes;

public sealed class ReflectorTests : IAsyncLifetime
{
    private readonly CancellationTokenSource _stop = new();
    private readonly RecordingSink<ServiceObject> _sink = new();
    private ClusterFixture _cluster = null!;
    private ApiServerClient _client = null!;
    private Reflector<ServiceObject> _reflector = null!;
    private Task _running = Task.CompletedTask;

    private FakeApiServer Server => _cluster.Server;

    public async ValueTask InitializeAsync() => _cluster = await ClusterFixture.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        await _cluster.DisposeAsync();
        _client?.Dispose();
        _stop.Dispose();
    }

    [Fact]
    public async Task Lists_in_pages_without_the_services_of_other_proxies_and_then_follows_changes()
    {
        for (var i = 0; i < 8; i++)
        {
            Server.Put(Kube.Web($"10.96.0.{i + 1}", $"svc-{i}"));
        }

        await StartAsync();
        Assert.Equal(8, _sink.Count);
        Assert.Equal(2, Server.Requests.Count(r => r.Contains("continue=", StringComparison.Ordinal)));
        var selector = "labelSelector=" + Uri.EscapeDataString("!service.kubernetes.io/service-proxy-name,!service.kubernetes.io/headless");
        Assert.All(Server.Requests, r => Assert.Contains(selector, r, StringComparison.Ordinal));
        Assert.Contains(Server.Requests, r => r.Contains("allowWatchBookmarks=true", StringComparison.Ordinal));

        Server.Put(Kube.Web("10.96.0.77", "new"));
        Server.Delete(Kube.Services, "default/svc-3");
        Server.Put(Kube.Web("10.96.0.99", "svc-1"));
        await Eventually.TrueAsync(
            () => _sink.Names == "new svc-0 svc-1 svc-2 svc-4 svc-5 svc-6 svc-7" && _sink["svc-1"].ClusterIPs[0].ToString() == "10.96.0.99",
            () => _sink.Names);
        Assert.Equal(1, _reflector.Status.Lists);
        Assert.Equal(3, _reflector.Status.Events);
        Assert.Equal(0, _reflector.Status.Errors);
        Assert.True(_reflector.Status.Synced);
        Assert.NotNull(_reflector.Status.LastEvent);
    }

    [Fact]
    public async Task A_kind_that_an_older_API_server_does_not_have_has_no_objects_and_is_not_an_error()
    {
        var asked = 0;
        Server.Intercept = async context =>
        {
            Interlocked.Increment(ref asked);
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            await context.Response.WriteAsync("404 page not found\n");
            return true;
        };
        var sink = new RecordingSink<ServiceRangeObject>();
        _client = _cluster.NewClient();
        var reflector = new Reflector<ServiceRangeObject>(
            ResourceKinds.ServiceRanges, _client, sink, _cluster.Options, TimeProvider.System, _cluster.Log.CreateLogger("Kubernetes"));
        _running = reflector.RunAsync(_stop.Token);
        await Eventually.TrueAsync(() => reflector.Status.Phase == ReflectorPhase.Absent, () => $"{reflector.Status}");
        Assert.True(reflector.Status is { Synced: true, Errors: 0, Objects: 0 }, $"{reflector.Status}");
        Assert.Equal(0, sink.Replaced);
        Assert.Equal(1, Volatile.Read(ref asked));
        Assert.Single(_cluster.Log.Matching("does not serve ServiceCIDR"));
    }

    [Fact]
    public async Task After_a_lost_connection_the_watch_resumes_and_nothing_is_removed()
    {
        Server.Put(Kube.Web("10.96.0.1", "a"), Kube.Web("10.96.0.2", "b"));
        await StartAsync();
        for (var i = 0; i < 5; i++)
        {
            Server.DropWatches();
            Server.Put(Kube.Web($"10.96.1.{i}", $"later-{i}"));
            await Eventually.TrueAsync(() => _sink.Names.Contains($"later-{i}", StringComparison.Ordinal), () => _sink.Names);
        }
        Assert.Equal(1, Server.CountLists(Kube.Services));
        Assert.Equal(1, _sink.Replaced);
        Assert.Equal(0, _sink.Removed);
    }

    [Fact]
    public async Task A_later_watch_resumes_from_the_last_bookmark()
    {
        Server.Put(Kube.Web("10.96.0.1", "a"));
        await StartAsync();
        // A change to another kind advances the version. After the compaction, only the bookmark's version can be resumed from.
        Server.Put(Kube.WebSlice("s"));
        Server.Bookmark(Kube.Services);
        await Eventually.TrueAsync(() => _reflector.Status.Events == 1, "no bookmark");
        Server.Compact();
        Server.DropWatches();
        Server.Put(Kube.Web("10.96.0.2", "b"));
        await Eventually.TrueAsync(() => _sink.Names == "a b", () => _sink.Names);
        Assert.Equal(1, Server.CountLists(Kube.Services));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_expired_version_causes_a_new_list_and_missing_objects_go_only_when_the_list_is_complete(bool asEvent)
    {
        Server.GoneAsEvent = asEvent;
        for (var i = 0; i < 5; i++)
        {
            Server.Put(Kube.Web($"10.96.0.{i + 1}", $"svc-{i}"));
        }

        await StartAsync();
        var reached = new TaskCompletionSource();
        var gate = new TaskCompletionSource();
        Server.Intercept = async context =>
        {
            if (context.Request.Query.ContainsKey("continue"))
            {
                reached.TrySetResult();
                await gate.Task;
            }
            return false;
        };
        Server.DropWatches();
        Server.Delete(Kube.Services, "default/svc-0");
        Server.Delete(Kube.Services, "default/svc-4");
        Server.Put(Kube.Web("10.96.0.50", "svc-5"));
        Server.Compact();
        await reached.Task.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal("svc-0 svc-1 svc-2 svc-3 svc-4", _sink.Names);
        gate.SetResult();
        await Eventually.TrueAsync(() => _sink.Names == "svc-1 svc-2 svc-3 svc-5", () => _sink.Names);
        Assert.Equal(1, _reflector.Status.Relists);
    }

    [Fact]
    public async Task An_expired_list_starts_over()
    {
        for (var i = 0; i < 5; i++)
        {
            Server.Put(Kube.Web($"10.96.0.{i + 1}", $"svc-{i}"));
        }

        var times = 2;
        Server.Intercept = context =>
        {
            // Expires the version of the continue token.
            if (context.Request.Query.ContainsKey("continue") && times-- > 0)
            {
                Server.Put(Kube.Web("10.96.1.1", "svc-9"));
                Server.Compact();
            }
            return Task.FromResult(false);
        };
        await StartAsync();
        Assert.Equal("svc-0 svc-1 svc-2 svc-3 svc-4 svc-9", _sink.Names);
        Assert.Equal(3, Server.CountLists(Kube.Services));
    }

    [Fact]
    public async Task A_connection_lost_during_a_list_changes_nothing()
    {
        for (var i = 0; i < 5; i++)
        {
            Server.Put(Kube.Web($"10.96.0.{i + 1}", $"svc-{i}"));
        }

        await StartAsync();
        var broken = 0;
        Server.Intercept = async context =>
        {
            if (!context.Request.Query.ContainsKey("continue") || broken >= 3)
            {
                return false;
            }

            broken++;
            await context.Response.WriteAsync("""{"kind":"List","metadata":{"resourceVersion":"9"},"items":[""");
            await context.Response.Body.FlushAsync();
            context.Abort();
            return true;
        };
        Server.Delete(Kube.Services, "default/svc-2");
        await Eventually.TrueAsync(() => _sink.Count == 4, () => _sink.Names);
        Server.Compact();
        Server.Put(Kube.Web("10.96.0.50", "svc-5"));
        Server.Compact();
        Server.DropWatches();
        await Eventually.TrueAsync(() => _sink.Replaced == 2, "no second list");
        Assert.Equal("svc-0 svc-1 svc-3 svc-4 svc-5", _sink.Names);
        Assert.Equal(3, broken);
        Assert.All(_sink.History, names => Assert.Contains("svc-0", names, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_silent_server_times_out_and_is_asked_again()
    {
        Server.Put(Kube.Web("10.96.0.1", "a"));
        var silent = 2;
        Server.Intercept = async context =>
        {
            if (silent == 2)
            {
                silent--;
                await Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
                return true;
            }
            if (silent == 1)
            {
                silent--;
                await context.Response.WriteAsync("""{"metadata":""");
                await context.Response.Body.FlushAsync();
                await Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
                return true;
            }
            return false;
        };
        await StartAsync(_cluster.Options with { ResponseTimeout = TimeSpan.FromSeconds(2), BodyIdleTimeout = TimeSpan.FromSeconds(2) });
        Assert.Equal("a", _sink.Names);
        // There may be more on a busy machine.
        Assert.True(_reflector.Status.Errors >= 2);
        Assert.Contains(_cluster.Log.Lines, l => l.Contains("did not respond within 2 s", StringComparison.Ordinal));
        Assert.Contains(_cluster.Log.Lines, l => l.Contains("no data for 2 s", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_watch_that_the_server_does_not_end_times_out()
    {
        Server.Put(Kube.Web("10.96.0.1", "a"));
        Server.Intercept = async context =>
        {
            if (context.Request.Query["watch"] != "true" || Server.CountWatches(Kube.Services) > 1)
            {
                return false;
            }

            await context.Response.StartAsync();
            await context.Response.Body.FlushAsync();
            await Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
            return true;
        };
        await StartAsync(_cluster.Options with { WatchDuration = TimeSpan.FromSeconds(1), WatchGrace = TimeSpan.FromMilliseconds(100) });
        await Eventually.TrueAsync(() => Server.CountWatches(Kube.Services) > 1, "no second watch");
        Server.Put(Kube.Web("10.96.0.2", "b"));
        await Eventually.TrueAsync(() => _sink.Names == "a b", () => _sink.Names);
        Assert.Contains(_cluster.Log.Lines, l => l.Contains("the server did not end the watch within", StringComparison.Ordinal));
        Assert.Equal(1, Server.CountLists(Kube.Services));
    }

    [Fact]
    public async Task An_invalid_object_is_reported_with_its_field_and_replaces_its_previous_version()
    {
        Server.Put(Kube.Web("10.96.0.1", "a"), Kube.Web("10.96.0.2", "b"));
        await StartAsync();
        Server.Put(Kube.Web("no address", "a"));
        Server.Put(Kube.Web("10.96.0.3", "c"));
        await Eventually.TrueAsync(() => _sink.Names == "a b c", () => _sink.Names);
        const string Problem = "Service default/a: spec.clusterIPs[0]: \"no address\" is not an IP address";
        Assert.Equal(("uid-a", Problem), (_sink["a"].Uid, _sink["a"].ReadError));
        Assert.Empty(_sink["a"].ClusterIPs);
        Assert.Equal(Problem, _reflector.Status.LastError);

        // In a list, the other objects are read and this one does not count as removed.
        Server.Delete(Kube.Services, "default/b");
        Server.Compact();
        Server.DropWatches();
        await Eventually.TrueAsync(() => _sink.Replaced == 2 || _sink.Names == "a c", () => _sink.Names);
        await Eventually.TrueAsync(() => _sink.Names == "a c", () => _sink.Names);
        Assert.Equal(Problem, _sink["a"].ReadError);
    }

    [Theory]
    [InlineData("{\"type\":\"MODIFIED\",\"object\":{\"spec\":{}}}", "watch of Service: object: Service: metadata: missing")]
    [InlineData("{\"type\":\"SHAKEN\",\"object\":{}}", "watch of Service: type: \"SHAKEN\" is not an event type")]
    [InlineData("{\"type\":\"DELETED\"}", "watch of Service: object: missing")]
    [InlineData("not JSON", "watch of Service: invalid JSON (line 1, byte 1)")]
    [InlineData(
        "{\"type\":\"ERROR\",\"object\":{\"code\":500,\"reason\":\"InternalError\",\"message\":\"etcd\\nis down\"}}",
        "the API server answered 500 InternalError: etcd\\u000ais down")]
    public async Task An_invalid_event_is_reported_and_the_watch_restarted(string line, string expected)
    {
        Server.Put(Kube.Web("10.96.0.1", "a"));
        await StartAsync();
        Server.Send(Kube.Services, line);
        await Eventually.TrueAsync(() => _reflector.Status.LastError == expected, () => _reflector.Status.LastError);
        Server.Put(Kube.Web("10.96.0.2", "b"));
        await Eventually.TrueAsync(() => _sink.Names == "a b", () => _sink.Names);
        Assert.Equal(1, Server.CountLists(Kube.Services));
    }

    [Fact]
    public async Task A_page_that_is_too_large_is_reported_and_a_smaller_one_requested()
    {
        for (var i = 0; i < 6; i++)
        {
            Server.Put(Kube.Web($"10.96.0.{i + 1}", $"svc-{i}"));
        }

        await StartAsync(_cluster.Options with { PageSize = 6, MaxPageBytes = 2000, MaxObjectBytes = 1500 });
        Assert.Equal(6, _sink.Count);
        Assert.Contains(_cluster.Log.Lines, l => l.Contains("the response is larger than 2000 bytes", StringComparison.Ordinal));
        Server.Put(Kube.Web("10.96.0.9", "big").With("metadata.annotations", new JsonObject { ["x"] = new string('x', 2000) }));
        await Eventually.TrueAsync(
            () => _cluster.Log.Lines.Any(l => l.Contains("the response is larger than 1500 bytes", StringComparison.Ordinal)),
            () => _reflector.Status.LastError);
        Assert.Equal(6, _sink.Count);
    }

    [Fact]
    public async Task Too_many_objects_are_rejected_and_the_known_ones_stay()
    {
        for (var i = 0; i < 4; i++)
        {
            Server.Put(Kube.Web($"10.96.0.{i + 1}", $"svc-{i}"));
        }

        await StartAsync(_cluster.Options with { MaxObjects = 4 });
        Server.DropWatches();
        Server.Put(Kube.Web("10.96.0.8", "svc-8"), Kube.Web("10.96.0.9", "svc-9"));
        Server.Compact();
        await Eventually.TrueAsync(
            () => _reflector.Status.LastError == "too many Service objects: the limit is 4", () => _reflector.Status.LastError);
        Assert.Contains("svc-0 svc-1 svc-2 svc-3", _sink.Names, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(403, "Forbidden", "; apply rootfs/kubernetes/rbac.yaml to the cluster")]
    [InlineData(401, "Unauthorized", "; renew the credentials in the kubeconfig")]
    [InlineData(429, "TooManyRequests", "")]
    [InlineData(500, "InternalError", "")]
    [InlineData(503, "ServiceUnavailable", "")]
    public async Task An_error_status_is_reported_with_its_remedy_and_retried(int code, string reason, string remedy)
    {
        var left = 3;
        Server.Intercept = async context =>
        {
            if (left-- <= 0)
            {
                return false;
            }

            await FakeApiServer.FailAsync(context, code, reason, "not now");
            return true;
        };
        Server.Put(Kube.Web("10.96.0.1", "a"));
        await StartAsync();
        Assert.Equal("a", _sink.Names);
        Assert.Equal(3, _reflector.Status.Errors);
        Assert.Equal($"the API server answered {code} {reason}: not now{remedy}", _reflector.Status.LastError);
    }

    [Fact]
    public async Task A_version_unknown_to_the_server_causes_a_new_list()
    {
        Server.Put(Kube.Web("10.96.0.1", "a"));
        await StartAsync();
        Server.Intercept = async context =>
        {
            if (context.Request.Query["watch"] != "true" || Server.CountLists(Kube.Services) > 1)
            {
                return false;
            }

            await FakeApiServer.FailAsync(context, 400, "BadRequest", "no such version");
            return true;
        };
        Server.DropWatches();
        await Eventually.TrueAsync(
            () => Server.CountLists(Kube.Services) == 2 && Server.WatcherCount(Kube.Services) == 1, "no second list");
        Assert.Equal("a", _sink.Names);
    }

    private async Task StartAsync(ApiServerOptions? options = null)
    {
        options ??= _cluster.Options;
        _client = _cluster.NewClient(options: options);
        _reflector = new Reflector<ServiceObject>(
            ResourceKinds.Services, _client, _sink, options, TimeProvider.System, _cluster.Log.CreateLogger("Kubernetes"));
        _running = Task.Run(() => _reflector.RunAsync(_stop.Token));
        await _reflector.Synced.WaitAsync(TimeSpan.FromSeconds(60));
        await Eventually.TrueAsync(() => _reflector.Status.Phase == ReflectorPhase.Watching, () => $"{_reflector.Status}");
        if (Server.Intercept is null)
        {
            await Eventually.TrueAsync(() => Server.WatcherCount(Kube.Services) == 1, "no watch");
        }
    }

    private sealed class RecordingSink<T> : IObjectSink<T>
        where T : KubeObject
    {
        private readonly ConcurrentDictionary<ObjectName, T> _objects = new();

        public ConcurrentQueue<string> History { get; } = new();

        public int Replaced { get; private set; }

        public int Removed { get; private set; }

        public int Count => _objects.Count;

        public string Names => string.Join(' ', _objects.Keys.Select(k => k.Name).Order(StringComparer.Ordinal));

        public T this[string name] => _objects[new ObjectName("default", name)];

        public void Replace(IReadOnlyCollection<T> objects, IReadOnlyCollection<ObjectName> unreadable)
        {
            foreach (var gone in _objects.Keys.Except(objects.Select(o => o.Name)).Except(unreadable))
            {
                _objects.TryRemove(gone, out _);
            }

            foreach (var item in objects)
            {
                _objects[item.Name] = item;
            }

            History.Enqueue(Names);
            Replaced++;
        }

        public void Apply(T changed)
        {
            _objects[changed.Name] = changed;
            History.Enqueue(Names);
        }

        public void Remove(ObjectName name)
        {
            _objects.TryRemove(name, out _);
            History.Enqueue(Names);
            Removed++;
        }
    }
}

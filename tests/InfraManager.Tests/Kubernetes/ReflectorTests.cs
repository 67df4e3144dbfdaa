using System.Collections.Concurrent;
using ACCOffload.InfraManager.Cluster.Connection;
using ACCOffload.InfraManager.Cluster.Objects;
using ACCOffload.InfraManager.Cluster.Watch;
using ACCOffload.InfraManager.Tests.Fixtures;
using Microsoft.AspNetCore.Http;

namespace ACCOffload.InfraManager.Tests.Kubernetes;

public sealed class ReflectorTests : IAsyncLifetime
{
    private readonly CancellationTokenSource _stop = new();
    private readonly RecordingSink _sink = new();
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
    public async Task Lists_in_chunks_without_other_proxies_services_and_then_follows_the_changes()
    {
        for (var i = 0; i < 8; i++)
        {
            Server.Put(Kube.Web($"10.96.0.{i + 1}", $"svc-{i}"));
        }

        await StartAsync();
        Assert.Equal(8, _sink.Count);
        Assert.Equal(2, Server.Requests.Count(r => r.Contains("continue=", StringComparison.Ordinal)));
        Assert.All(Server.Requests, r => Assert.Contains("labelSelector=" + Uri.EscapeDataString("!service.kubernetes.io/service-proxy-name,!service.kubernetes.io/headless"), r, StringComparison.Ordinal));
        Assert.Contains(Server.Requests, r => r.Contains("allowWatchBookmarks=true", StringComparison.Ordinal));

        Server.Put(Kube.Web("10.96.0.77", "new"));
        Server.Delete(Kube.Services, "default/svc-3");
        Server.Put(Kube.Web("10.96.0.99", "svc-1"));
        await Eventually.TrueAsync(() => _sink.Names == "new svc-0 svc-1 svc-2 svc-4 svc-5 svc-6 svc-7" && _sink["svc-1"].ClusterIPs[0].ToString() == "10.96.0.99", () => _sink.Names);
        Assert.Equal(1, _reflector.Status.Lists);
        Assert.Equal(3, _reflector.Status.Events);
        Assert.Equal(0, _reflector.Status.Errors);
        Assert.True(_reflector.Status.Synced);
        Assert.NotNull(_reflector.Status.LastEvent);
    }

    [Fact]
    public async Task After_a_lost_connection_the_watch_goes_on_where_it_was_and_nothing_is_removed()
    {
        Server.Put(Kube.Web("10.96.0.1", "a"), Kube.Web("10.96.0.2", "b"));
        await StartAsync();
        for (var i = 0; i < 5; i++)
        {
            Server.Drop();
            Server.Put(Kube.Web($"10.96.1.{i}", $"later-{i}"));
            await Eventually.TrueAsync(() => _sink.Names.Contains($"later-{i}", StringComparison.Ordinal), () => _sink.Names);
        }
        Assert.Equal(1, Server.Lists(Kube.Services));
        Assert.Equal(1, _sink.Replaced);
        Assert.Equal(0, _sink.Removed);
    }

    [Fact]
    public async Task A_bookmark_moves_the_version_that_a_later_watch_resumes_from()
    {
        Server.Put(Kube.Web("10.96.0.1", "a"));
        await StartAsync();
        // Changes of another kind make the old version useless, unless the bookmark was taken.
        Server.Put(Kube.WebSlice("s"));
        Server.Bookmark(Kube.Services);
        await Eventually.TrueAsync(() => _reflector.Status.Events == 1, "no bookmark");
        Server.Compact();
        Server.Drop();
        Server.Put(Kube.Web("10.96.0.2", "b"));
        await Eventually.TrueAsync(() => _sink.Names == "a b", () => _sink.Names);
        Assert.Equal(1, Server.Lists(Kube.Services));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_forgotten_version_is_listed_again_and_what_vanished_goes_only_when_the_list_is_complete(bool asEvent)
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
        Server.Drop();
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
    public async Task An_expired_list_is_begun_again()
    {
        for (var i = 0; i < 5; i++)
        {
            Server.Put(Kube.Web($"10.96.0.{i + 1}", $"svc-{i}"));
        }

        var times = 2;
        Server.Intercept = context =>
        {
            // The token's version is older than this.
            if (context.Request.Query.ContainsKey("continue") && times-- > 0)
            {
                Server.Put(Kube.Web("10.96.1.1", "svc-9"));
                Server.Compact();
            }
            return Task.FromResult(false);
        };
        await StartAsync();
        Assert.Equal("svc-0 svc-1 svc-2 svc-3 svc-4 svc-9", _sink.Names);
        Assert.Equal(3, Server.Lists(Kube.Services));
    }

    [Fact]
    public async Task A_connection_lost_within_a_list_changes_nothing()
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
        Server.Drop();
        await Eventually.TrueAsync(() => _sink.Replaced == 2, "no second list");
        Assert.Equal("svc-0 svc-1 svc-3 svc-4 svc-5", _sink.Names);
        Assert.Equal(3, broken);
        Assert.All(_sink.History, names => Assert.Contains("svc-0", names, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_silent_server_is_given_up_on_and_asked_again()
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
        await StartAsync(_cluster.Options with { AnswerLimit = TimeSpan.FromSeconds(2), BodyIdleLimit = TimeSpan.FromSeconds(2) });
        Assert.Equal("a", _sink.Names);
        // More where the machine is so busy that other answers are late too.
        Assert.True(_reflector.Status.Errors >= 2);
        Assert.Contains(_cluster.Log.Lines, l => l.Contains("does not answer within 2 s", StringComparison.Ordinal));
        Assert.Contains(_cluster.Log.Lines, l => l.Contains("nothing came for 2 s", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_watch_that_does_not_end_is_ended_here()
    {
        Server.Put(Kube.Web("10.96.0.1", "a"));
        Server.Intercept = async context =>
        {
            if (context.Request.Query["watch"] != "true" || Server.Watches(Kube.Services) > 1)
            {
                return false;
            }

            await context.Response.StartAsync();
            await context.Response.Body.FlushAsync();
            await Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
            return true;
        };
        await StartAsync(_cluster.Options with { WatchTime = TimeSpan.FromSeconds(1), WatchGrace = TimeSpan.FromMilliseconds(100) });
        await Eventually.TrueAsync(() => Server.Watches(Kube.Services) > 1, "no second watch");
        Server.Put(Kube.Web("10.96.0.2", "b"));
        await Eventually.TrueAsync(() => _sink.Names == "a b", () => _sink.Names);
        Assert.Contains(_cluster.Log.Lines, l => l.Contains("the watch did not end within", StringComparison.Ordinal));
        Assert.Equal(1, Server.Lists(Kube.Services));
    }

    [Fact]
    public async Task An_object_that_makes_no_sense_is_named_with_its_field_and_its_former_version_goes()
    {
        Server.Put(Kube.Web("10.96.0.1", "a"), Kube.Web("10.96.0.2", "b"));
        await StartAsync();
        Server.Put(Kube.Web("no address", "a"));
        Server.Put(Kube.Web("10.96.0.3", "c"));
        await Eventually.TrueAsync(() => _sink.Names == "a b c", () => _sink.Names);
        Assert.Equal(("uid-a", "Service default/a: spec.clusterIPs[0]: \"no address\" is no IP address"), (_sink["a"].Uid, _sink["a"].Unreadable));
        Assert.Empty(_sink["a"].ClusterIPs);
        Assert.Equal("Service default/a: spec.clusterIPs[0]: \"no address\" is no IP address", _reflector.Status.LastError);

        // The same in a list: the others are taken in, and this one is not taken for gone.
        Server.Delete(Kube.Services, "default/b");
        Server.Compact();
        Server.Drop();
        await Eventually.TrueAsync(() => _sink.Replaced == 2 || _sink.Names == "a c", () => _sink.Names);
        await Eventually.TrueAsync(() => _sink.Names == "a c", () => _sink.Names);
        Assert.Equal("Service default/a: spec.clusterIPs[0]: \"no address\" is no IP address", _sink["a"].Unreadable);
    }

    [Theory]
    [InlineData("{\"type\":\"MODIFIED\",\"object\":{\"spec\":{}}}", "watch of Service: object: Service: metadata: is missing")]
    [InlineData("{\"type\":\"SHAKEN\",\"object\":{}}", "watch of Service: type: \"SHAKEN\" is no type of event")]
    [InlineData("{\"type\":\"DELETED\"}", "watch of Service: object: is missing")]
    [InlineData("this is no JSON", "watch of Service: is not valid JSON (byte 1 of line 1)")]
    [InlineData("{\"type\":\"ERROR\",\"object\":{\"code\":500,\"reason\":\"InternalError\",\"message\":\"etcd\\nis ill\"}}", "the API server answers 500 InternalError: etcd\\u000ais ill")]
    public async Task Nonsense_in_a_watch_is_told_and_the_watch_begun_again(string line, string expected)
    {
        Server.Put(Kube.Web("10.96.0.1", "a"));
        await StartAsync();
        Server.Send(Kube.Services, line);
        await Eventually.TrueAsync(() => _reflector.Status.LastError == expected, () => _reflector.Status.LastError);
        Server.Put(Kube.Web("10.96.0.2", "b"));
        await Eventually.TrueAsync(() => _sink.Names == "a b", () => _sink.Names);
        Assert.Equal(1, Server.Lists(Kube.Services));
    }

    [Fact]
    public async Task What_is_too_large_is_told_and_a_smaller_chunk_asked_for()
    {
        for (var i = 0; i < 6; i++)
        {
            Server.Put(Kube.Web($"10.96.0.{i + 1}", $"svc-{i}"));
        }

        await StartAsync(_cluster.Options with { PageSize = 6, LargestPage = 2000, LargestObject = 1500 });
        Assert.Equal(6, _sink.Count);
        Assert.Contains(_cluster.Log.Lines, l => l.Contains("the answer is larger than 2000 bytes", StringComparison.Ordinal));
        Server.Put(Kube.Web("10.96.0.9", "big").With("metadata.annotations", new System.Text.Json.Nodes.JsonObject { ["x"] = new string('x', 2000) }));
        await Eventually.TrueAsync(() => _cluster.Log.Lines.Any(l => l.Contains("the answer is larger than 1500 bytes", StringComparison.Ordinal)), () => _reflector.Status.LastError);
        Assert.Equal(6, _sink.Count);
    }

    [Fact]
    public async Task Too_many_objects_are_refused_and_those_that_are_known_stay()
    {
        for (var i = 0; i < 4; i++)
        {
            Server.Put(Kube.Web($"10.96.0.{i + 1}", $"svc-{i}"));
        }

        await StartAsync(_cluster.Options with { MostObjects = 4 });
        Server.Drop();
        Server.Put(Kube.Web("10.96.0.8", "svc-8"), Kube.Web("10.96.0.9", "svc-9"));
        Server.Compact();
        await Eventually.TrueAsync(() => _reflector.Status.LastError == "there are more than 4 objects of the kind Service, more than are taken in", () => _reflector.Status.LastError);
        Assert.Contains("svc-0 svc-1 svc-2 svc-3", _sink.Names, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(403, "Forbidden", "; apply rootfs/kubernetes/rbac.yaml to the cluster")]
    [InlineData(401, "Unauthorized", "; renew the credentials in the kubeconfig")]
    [InlineData(429, "TooManyRequests", "")]
    [InlineData(500, "InternalError", "")]
    [InlineData(503, "ServiceUnavailable", "")]
    public async Task A_refusal_is_told_with_what_to_do_and_tried_again(int code, string reason, string remedy)
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
        Assert.Equal($"the API server answers {code} {reason}: not now{remedy}", _reflector.Status.LastError);
    }

    [Fact]
    public async Task A_version_that_the_server_never_had_leads_to_a_list()
    {
        Server.Put(Kube.Web("10.96.0.1", "a"));
        await StartAsync();
        Server.Intercept = async context =>
        {
            if (context.Request.Query["watch"] != "true" || Server.Lists(Kube.Services) > 1)
            {
                return false;
            }

            await FakeApiServer.FailAsync(context, 400, "BadRequest", "no such version");
            return true;
        };
        Server.Drop();
        await Eventually.TrueAsync(() => Server.Lists(Kube.Services) == 2 && Server.WatcherCount(Kube.Services) == 1, "no second list");
        Assert.Equal("a", _sink.Names);
    }

    private async Task StartAsync(ReflectorOptions? options = null)
    {
        options ??= _cluster.Options;
        _client = _cluster.NewClient(options: options);
        _reflector = new Reflector<ServiceObject>(ResourceKinds.Services, _client, _sink, options, TimeProvider.System, _cluster.Log.CreateLogger("Kubernetes"));
        _running = Task.Run(() => _reflector.RunAsync(_stop.Token));
        await _reflector.Synced.WaitAsync(TimeSpan.FromSeconds(60));
        await Eventually.TrueAsync(() => _reflector.Status.Phase == ReflectorPhase.Watching, () => $"{_reflector.Status}");
        if (Server.Intercept is null)
        {
            await Eventually.TrueAsync(() => Server.WatcherCount(Kube.Services) == 1, "no watch");
        }
    }

    private sealed class RecordingSink : IObjectSink<ServiceObject>
    {
        private readonly ConcurrentDictionary<ObjectName, ServiceObject> _objects = new();

        public ConcurrentQueue<string> History { get; } = new();

        public int Replaced { get; private set; }

        public int Removed { get; private set; }

        public int Count => _objects.Count;

        public string Names => string.Join(' ', _objects.Keys.Select(k => k.Name).Order(StringComparer.Ordinal));

        public ServiceObject this[string name] => _objects[new ObjectName("default", name)];

        public void Replace(IReadOnlyCollection<ServiceObject> objects, IReadOnlyCollection<ObjectName> unreadable)
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

        public void Apply(ServiceObject changed)
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

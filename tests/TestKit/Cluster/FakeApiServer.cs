using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using ACCOffload.NativeInterop.Syscalls;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace ACCOffload.TestKit.Cluster;

/// <summary>
/// A Kubernetes API server for list and watch, over TLS with HTTP/2: pages, versions, bookmarks, 410, and faults on demand. Written from
/// the "API Concepts" page of the Kubernetes documentation (v1.31).
/// </summary>
public sealed class FakeApiServer : IAsyncDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, SortedDictionary<string, JsonObject>> _objects = [];
    private readonly List<(long Version, string Path, string Type, string Json)> _events = [];
    private readonly List<(string Path, Channel<string> Channel, HttpContext Context)> _watchers = [];
    private readonly X509Certificate2 _certificate;
    private readonly string? _netns;
    private WebApplication? _app;
    private long _version = 100;
    private long _compacted;

    /// <summary>Every request: path and query.</summary>
    public ConcurrentQueue<string> Requests { get; } = new();

    /// <summary>Handles a request instead of the server; returns false to let the server handle it.</summary>
    public Func<HttpContext, Task<bool>>? Intercept { get; set; }

    /// <summary>Whether a request is authenticated; if not, the answer is 401.</summary>
    public Func<HttpContext, bool> Allows { get; set; } = _ => true;

    /// <summary>Reports an expired version as a watch event instead of an HTTP status.</summary>
    public bool GoneAsEvent { get; set; }

    /// <summary>Whether the server has the CRD of ClusterNetworkPolicy; without it, the answer is 404.</summary>
    public bool HasClusterPolicies { get; set; }

    public string Address { get; private set; } = "";

    /// <summary>Maximum number of objects per page, even if the client requests more.</summary>
    public int MaxPageSize { get; set; } = int.MaxValue;

    /// <summary>The version of the last change.</summary>
    public long Version
    {
        get
        {
            lock (_lock)
            {
                return _version;
            }
        }
    }

    public int CountLists(string path) => Requests.Count(r => r.StartsWith(path + "?", StringComparison.Ordinal)
        && !r.Contains("watch=", StringComparison.Ordinal) && !r.Contains("continue=", StringComparison.Ordinal));

    public int CountWatches(string path) => Requests.Count(r => r.StartsWith(path + "?watch=", StringComparison.Ordinal));

    /// <param name="certificate">The server certificate.</param>
    /// <param name="netns">Network namespace whose loopback to listen on; null for the current one.</param>
    public static async Task<FakeApiServer> StartAsync(X509Certificate2 certificate, string? netns = null)
    {
        var server = new FakeApiServer(certificate, netns);
        await server.ListenAsync(0);
        server.Address = server._app!.Urls.First();
        return server;
    }

    /// <summary>Stops the server and closes all connections until <see cref="RestartAsync"/>. Objects can still be changed.</summary>
    public async Task StopAsync()
    {
        DropWatches();
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await _app!.StopAsync(now.Token);
        await _app.DisposeAsync();
        _app = null;
    }

    /// <summary>Starts the server again at the same address.</summary>
    public Task RestartAsync() => ListenAsync(new Uri(Address).Port);

    public void Put(params JsonObject[] items)
    {
        lock (_lock)
        {
            foreach (var item in items)
            {
                var copy = (JsonObject)item.DeepClone();
                var path = Kube.PathOf(copy);
                copy["metadata"]!["resourceVersion"] = (++_version).ToString(CultureInfo.InvariantCulture);
                var all = All(path);
                var type = all.ContainsKey(Kube.NameOf(copy)) ? "MODIFIED" : "ADDED";
                all[Kube.NameOf(copy)] = copy;
                Publish(path, type, copy);
            }
        }
    }

    public void Delete(string path, string name)
    {
        lock (_lock)
        {
            var all = All(path);
            var copy = (JsonObject)all[name].DeepClone();
            all.Remove(name);
            copy["metadata"]!["resourceVersion"] = (++_version).ToString(CultureInfo.InvariantCulture);
            Publish(path, "DELETED", copy);
        }
    }

    /// <summary>The objects of a path, as namespace, slash, name.</summary>
    public IReadOnlyList<string> Names(string path) => [.. Snapshot(path).Select(o => o.Key)];

    /// <summary>Adds, modifies and deletes services and slices until exactly these exist; unchanged ones are not touched.</summary>
    public void ReplaceAll(IReadOnlyCollection<JsonObject> wanted)
    {
        // Pods come before the policies that select them, and policies before services.
        foreach (var path in (string[])
            [Kube.Namespaces, Kube.Pods, Kube.NetworkPolicies, Kube.ClusterPolicies, Kube.Services, Kube.Slices])
        {
            var next = wanted.Where(w => Kube.PathOf(w) == path).ToDictionary(Kube.NameOf);
            foreach (var (name, item) in Snapshot(path))
            {
                if (!next.TryGetValue(name, out var same))
                {
                    Delete(path, name);
                }
                else if (JsonNode.DeepEquals(same, Bare(item)))
                {
                    next.Remove(name);
                }
            }
            Put([.. next.Values]);
        }
    }

    /// <summary>Sends an arbitrary line to the watchers of a path.</summary>
    public void Send(string path, string line)
    {
        lock (_lock)
        {
            foreach (var watcher in _watchers.Where(w => w.Path == path))
            {
                watcher.Channel.Writer.TryWrite(line);
            }
        }
    }

    public void Bookmark(string path)
    {
        lock (_lock)
        {
            Send(path, $$$$"""{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"{{{{_version}}}}"}}}""");
        }
    }

    /// <summary>Expires all versions before the current one.</summary>
    public void Compact()
    {
        lock (_lock)
        {
            _compacted = _version;
            _events.Clear();
        }
    }

    /// <summary>Aborts the connections of all watches.</summary>
    public void DropWatches()
    {
        lock (_lock)
        {
            foreach (var watcher in _watchers)
            {
                watcher.Context.Abort();
            }

            _watchers.Clear();
        }
    }

    public int WatcherCount(string path)
    {
        lock (_lock)
        {
            return _watchers.Count(w => w.Path == path);
        }
    }

    public static Task FailAsync(HttpContext context, int code, string reason, string message) => WriteAsync(
        context,
        code,
        $$"""{"kind":"Status","apiVersion":"v1","status":"Failure","message":"{{message}}","reason":"{{reason}}","code":{{code}}}""");

    public static async Task WriteAsync(HttpContext context, int code, string body)
    {
        context.Response.StatusCode = code;
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(body);
    }

    public async ValueTask DisposeAsync()
    {
        if (_app is not null)
        {
            await StopAsync();
        }
    }

    private FakeApiServer(X509Certificate2 certificate, string? netns)
    {
        _certificate = certificate;
        _netns = netns;
    }

    private async Task ListenAsync(int port)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelCore();
        builder.WebHost.UseKestrelHttpsConfiguration();
        if (_netns is not null)
        {
            builder.Services.Configure<SocketTransportOptions>(o => o.CreateBoundListenSocket = Bind);
        }

        builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Loopback, port, l =>
        {
            l.Protocols = HttpProtocols.Http1AndHttp2;
            l.UseHttps(_certificate, h =>
            {
                h.ClientCertificateMode = ClientCertificateMode.AllowCertificate;
                h.AllowAnyClientCertificate();
            });
        }));
        _app = builder.Build();
        _app.Run(HandleAsync);
        await _app.StartAsync();
    }

    // A socket belongs to the network namespace of the thread that creates it.
    private Socket Bind(EndPoint endPoint)
    {
        using var there = NetNamespace.OpenNamed(_netns!);
        return there.Run(() =>
        {
            var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(endPoint);
            return socket;
        });
    }

    private static JsonObject Bare(JsonObject item)
    {
        var copy = (JsonObject)item.DeepClone();
        ((JsonObject)copy["metadata"]!).Remove("resourceVersion");
        return copy;
    }

    private SortedDictionary<string, JsonObject> All(string path) =>
        _objects.TryGetValue(path, out var all) ? all : _objects[path] = new SortedDictionary<string, JsonObject>(StringComparer.Ordinal);

    private List<KeyValuePair<string, JsonObject>> Snapshot(string path)
    {
        lock (_lock)
        {
            return [.. All(path)];
        }
    }

    private void Publish(string path, string type, JsonObject item)
    {
        var line = new JsonObject { ["type"] = type, ["object"] = item.DeepClone() }.ToJsonString();
        _events.Add((_version, path, type, line));
        Send(path, line);
    }

    private async Task HandleAsync(HttpContext context)
    {
        Requests.Enqueue(context.Request.Path + context.Request.QueryString);
        if (!Allows(context))
        {
            await FailAsync(context, 401, "Unauthorized", "Unauthorized");
            return;
        }
        if (Intercept is { } intercept && await intercept(context))
        {
            return;
        }

        var query = context.Request.Query;
        var path = context.Request.Path.Value!;
        if (path == Kube.ClusterPolicies && !HasClusterPolicies)
        {
            await FailAsync(context, 404, "NotFound", "the server could not find the requested resource");
            return;
        }

        if (query["watch"] == "true")
        {
            var version = long.Parse(query["resourceVersion"]!, CultureInfo.InvariantCulture);
            await WatchAsync(context, path, version, int.Parse(query["timeoutSeconds"]!, CultureInfo.InvariantCulture));
        }
        else
        {
            var limit = int.Parse(query["limit"]!, CultureInfo.InvariantCulture);
            await ListAsync(context, path, Math.Min(MaxPageSize, limit), query["continue"].ToString());
        }
    }

    private async Task ListAsync(HttpContext context, string path, int limit, string next)
    {
        string? body = null;
        lock (_lock)
        {
            // The token holds the list's version and the last name returned.
            var version = next.Length > 0 ? long.Parse(next.Split('|')[0], CultureInfo.InvariantCulture) : _version;
            var after = next.Length > 0 ? next.Split('|')[1] : "";
            if (version >= _compacted || next.Length == 0)
            {
                var page = All(path).Where(o => string.CompareOrdinal(o.Key, after) > 0).Take(limit + 1).ToList();
                var more = page.Count > limit;
                var items = page.Take(limit).ToList();
                var metadata = new JsonObject
                {
                    ["resourceVersion"] = version.ToString(CultureInfo.InvariantCulture),
                    ["continue"] = more ? $"{version}|{items[^1].Key}" : "",
                }.ToJsonString();
                var list = string.Join(',', items.Select(i => i.Value.ToJsonString()));
                body = $$"""{"kind":"List","metadata":{{metadata}},"items":[{{list}}]}""";
            }
        }
        if (body is null)
        {
            await FailAsync(context, 410, "Expired", "The provided continue parameter is too old");
        }
        else
        {
            await WriteAsync(context, 200, body);
        }
    }

    private async Task WatchAsync(HttpContext context, string path, long version, int seconds)
    {
        var channel = Channel.CreateUnbounded<string>();
        lock (_lock)
        {
            if (version >= _compacted)
            {
                foreach (var item in _events.Where(e => e.Path == path && e.Version > version))
                {
                    channel.Writer.TryWrite(item.Json);
                }

                _watchers.Add((path, channel, context));
            }
        }
        if (version < _compacted)
        {
            if (GoneAsEvent)
            {
                const string Gone =
                    """{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old resource version"}}""";
                await WriteAsync(context, 200, Gone + "\n");
            }
            else
            {
                await FailAsync(context, 410, "Expired", "too old resource version");
            }

            return;
        }
        try
        {
            using var end = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
            end.CancelAfter(TimeSpan.FromSeconds(seconds));
            context.Response.ContentType = "application/json";
            await context.Response.StartAsync(end.Token);
            await context.Response.Body.FlushAsync(end.Token);
            await foreach (var line in channel.Reader.ReadAllAsync(end.Token))
            {
                await context.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(line + "\n"), end.Token);
                await context.Response.Body.FlushAsync(end.Token);
            }
        }
        catch (OperationCanceledException)
        {
        }
        finally
        {
            lock (_lock)
            {
                _watchers.RemoveAll(w => w.Channel == channel);
            }
        }
    }
}

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

namespace ACCOffload.InfraManager.Tests.Kubernetes;

/// <summary>
/// A Kubernetes API server as far as list and watch go, over TLS with HTTP/2: chunks, versions, bookmarks, 410, and faults on demand. Written after the
/// "API Concepts" page of Kubernetes' documentation (v1.31).
/// </summary>
internal sealed class FakeApiServer : IAsyncDisposable
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

    /// <summary>Handles a request instead; answers whether it did.</summary>
    public Func<HttpContext, Task<bool>>? Intercept { get; set; }

    /// <summary>Who may ask.</summary>
    public Func<HttpContext, bool> Allows { get; set; } = _ => true;

    /// <summary>A version that is too old is told by an event instead of the status.</summary>
    public bool GoneAsEvent { get; set; }

    public string Address { get; private set; } = "";

    /// <summary>Most objects in one chunk of a list, whatever the client asks for.</summary>
    public int LargestChunk { get; set; } = int.MaxValue;

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

    public int Lists(string path) => Requests.Count(r => r.StartsWith(path + "?", StringComparison.Ordinal) && !r.Contains("watch=", StringComparison.Ordinal) && !r.Contains("continue=", StringComparison.Ordinal));

    public int Watches(string path) => Requests.Count(r => r.StartsWith(path + "?watch=", StringComparison.Ordinal));

    /// <param name="certificate">The server's.</param>
    /// <param name="netns">The name of the network namespace whose loopback it listens on; null for this one.</param>
    public static async Task<FakeApiServer> StartAsync(X509Certificate2 certificate, string? netns = null)
    {
        var server = new FakeApiServer(certificate, netns);
        await server.ListenAsync(0);
        server.Address = server._app!.Urls.First();
        return server;
    }

    /// <summary>Goes away, with all connections, until <see cref="ComeBackAsync"/>. Its objects can be changed meanwhile.</summary>
    public async Task GoAwayAsync()
    {
        Drop();
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await _app!.StopAsync(now.Token);
        await _app.DisposeAsync();
        _app = null;
    }

    /// <summary>At the same address.</summary>
    public Task ComeBackAsync() => ListenAsync(new Uri(Address).Port);

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

    /// <summary>Makes the objects exactly these, by the changes that this takes; equal ones are left alone.</summary>
    public void Become(IReadOnlyCollection<JsonObject> wanted)
    {
        foreach (var path in new[] { Kube.Services, Kube.Slices })
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

    /// <summary>Sends a line to the watchers of a path, whatever it is.</summary>
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
            Send(path, new JsonObject { ["type"] = "BOOKMARK", ["object"] = new JsonObject { ["metadata"] = new JsonObject { ["resourceVersion"] = $"{_version}" } } }.ToJsonString());
        }
    }

    /// <summary>Forgets what happened before now.</summary>
    public void Compact()
    {
        lock (_lock)
        {
            _compacted = _version;
            _events.Clear();
        }
    }

    /// <summary>Breaks every watch's connection.</summary>
    public void Drop()
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
        context, code, $$"""{"kind":"Status","apiVersion":"v1","status":"Failure","message":"{{message}}","reason":"{{reason}}","code":{{code}}}""");

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
            await GoAwayAsync();
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

    // A socket belongs to the namespace of the thread that makes it.
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
        if (query["watch"] == "true")
        {
            await WatchAsync(context, path, long.Parse(query["resourceVersion"]!, CultureInfo.InvariantCulture), int.Parse(query["timeoutSeconds"]!, CultureInfo.InvariantCulture));
        }
        else
        {
            await ListAsync(context, path, Math.Min(LargestChunk, int.Parse(query["limit"]!, CultureInfo.InvariantCulture)), query["continue"].ToString());
        }
    }

    private async Task ListAsync(HttpContext context, string path, int limit, string next)
    {
        string? body = null;
        lock (_lock)
        {
            // The token says up to where the list went, and of which version it is.
            var version = next.Length > 0 ? long.Parse(next.Split('|')[0], CultureInfo.InvariantCulture) : _version;
            var after = next.Length > 0 ? next.Split('|')[1] : "";
            if (version >= _compacted || next.Length == 0)
            {
                var page = All(path).Where(o => string.CompareOrdinal(o.Key, after) > 0).Take(limit + 1).ToList();
                var more = page.Count > limit;
                var items = page.Take(limit).ToList();
                var metadata = new JsonObject { ["resourceVersion"] = version.ToString(CultureInfo.InvariantCulture), ["continue"] = more ? $"{version}|{items[^1].Key}" : "" };
                body = $$"""{"kind":"List","metadata":{{metadata.ToJsonString()}},"items":[{{string.Join(',', items.Select(i => i.Value.ToJsonString()))}}]}""";
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
                await WriteAsync(context, 200, """{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old resource version"}}""" + "\n");
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

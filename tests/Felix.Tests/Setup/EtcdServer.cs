using System.Globalization;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using ACCOffload.Felix.Tests.Calico;
using ACCOffload.NativeInterop.Syscalls;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Felix.Tests.Setup;

/// <summary>A real etcd on the loopback interface of a network namespace, with Calico's resources.</summary>
internal sealed class EtcdServer : IAsyncDisposable
{
    /// <summary>Where Felix reaches it.</summary>
    public const string Address = "http://127.0.0.1:2379";

    private const string PeerAddress = "http://127.0.0.1:2380";

    // etcd's limit is 128.
    private const int MaxOperations = 100;

    // A set with 50,000 members is 1 MB; the default limit is 1.5 MB.
    private const int MaxRequestBytes = 16 << 20;

    private readonly string _netns;
    private readonly string _folder;
    private readonly HttpClient _client;
    private BackgroundProcess? _process;

    private EtcdServer(string netns, string folder)
    {
        (_netns, _folder) = (netns, folder);
        _client = new HttpClient(new SocketsHttpHandler { ConnectCallback = ConnectAsync }) { BaseAddress = new Uri(Address) };
    }

    /// <summary>The number of revisions that it keeps grows with each change; the tests never compact.</summary>
    public static async Task<EtcdServer> StartAsync(string netns, string folder)
    {
        var server = new EtcdServer(netns, folder);
        await server.StartAsync();
        return server;
    }

    public async Task StartAsync()
    {
        _process = new BackgroundProcess(
            _netns, FelixPrograms.Etcd,
            [
                "--data-dir", _folder, "--listen-client-urls", Address, "--advertise-client-urls", Address, "--listen-peer-urls", PeerAddress,
                "--initial-advertise-peer-urls", PeerAddress, "--initial-cluster", $"default={PeerAddress}",
                "--max-request-bytes", MaxRequestBytes.ToString(CultureInfo.InvariantCulture), "--unsafe-no-fsync",
            ]);
        await Eventually.TrueAsync(IsReadyAsync, () => $"etcd serves; its log:\n{_process.Log}");
    }

    public Task KillAsync() => _process!.KillAsync();

    /// <summary>Writes resources, up to a hundred in one transaction.</summary>
    public async Task PutAsync(IEnumerable<CalicoResource> resources)
    {
        foreach (var chunk in resources.Chunk(MaxOperations))
        {
            var operations = chunk.Select(r => new JsonObject
            {
                ["requestPut"] = new JsonObject { ["key"] = Base64(r.Key), ["value"] = Base64(r.Value) },
            });
            await PostAsync("/v3/kv/txn", new JsonObject { ["success"] = new JsonArray([.. operations]) });
        }
    }

    public Task PutAsync(CalicoResource resource) => PutAsync([resource]);

    public Task DeleteAsync(CalicoResource resource) =>
        PostAsync("/v3/kv/deleterange", new JsonObject { ["key"] = Base64(resource.Key) });

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        if (_process is not null)
        {
            await _process.DisposeAsync();
        }
    }

    private async Task<bool> IsReadyAsync()
    {
        if (_process!.HasExited)
        {
            throw new InvalidOperationException($"etcd exited:\n{_process.Log}");
        }

        try
        {
            return (await _client.GetStringAsync("/health")).Contains("true", StringComparison.Ordinal);
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    private async Task PostAsync(string path, JsonObject request)
    {
        using var response = await _client.PostAsJsonAsync(path, request);
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, $"etcd refuses {path}: {text}");
    }

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancel)
    {
        using var place = NetNamespace.OpenNamed(_netns);
        var socket = place.Run(() => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
        try
        {
            await socket.ConnectAsync(context.DnsEndPoint, cancel);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));
}

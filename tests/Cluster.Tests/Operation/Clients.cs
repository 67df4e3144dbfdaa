using ACCOffload.Cluster.Tests.Setup;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Cluster.Tests.Operation;

/// <summary>
/// Clients in pods and outside of the cluster that send requests to servers until they are disposed. They write a line for each request, so
/// that what they saw can be read later, also after an outage of the API server.
/// </summary>
internal sealed class Clients(RealCluster cluster, string @namespace) : IAsyncDisposable
{
    private const string Options = "-s -o /dev/null -w '%{http_code} %{num_connects} %{errormsg}\\n'";

    private readonly Dictionary<string, BackgroundProcess> _outside = [];
    private readonly List<string> _pods = [];

    /// <summary>Requests with a connection each, several per second.</summary>
    public static string Repeat(string url) => $"while true; do curl -m 10 {Options} 'http://{url}'; sleep 0.1; done";

    /// <summary>Requests over one connection. If it breaks, curl makes another one, which the line says.</summary>
    public static string Keep(string url) => $"exec stdbuf -oL curl -m 60 --rate 3/s {Options} 'http://{url}?[1-1000000]'";

    /// <summary>Starts a client in a pod.</summary>
    public async Task StartInPodAsync(string name, int node, string script)
    {
        _pods.Add(name);
        await cluster.Kubectl.ApplyAsync(Manifest.Script(@namespace, name, KubernetesNode.NameOf(node), script));
        await cluster.Kubectl.RolloutAsync(@namespace, $"deployment/{name}");
    }

    /// <summary>Starts a client outside of the cluster.</summary>
    public void StartOutside(string name, string script) =>
        _outside[name] = new BackgroundProcess(cluster.Network.OutsideNamespace, "sh", ["-c", script]);

    /// <summary>What a client has seen until now.</summary>
    public async Task<ClientLog> ReadAsync(string name) =>
        ClientLog.Parse(_outside.TryGetValue(name, out var process)
            ? process.Log
            : await cluster.Kubectl.RunAsync($"logs --namespace {@namespace} deployment/{name}"));

    /// <summary>What all of them have seen until now.</summary>
    public async Task<IReadOnlyDictionary<string, ClientLog>> ReadAllAsync()
    {
        var logs = new SortedDictionary<string, ClientLog>(StringComparer.Ordinal);
        foreach (var name in _outside.Keys.Concat(_pods))
        {
            logs[name] = await ReadAsync(name);
        }

        return logs;
    }

    /// <summary>Waits until a client outside has seen so many more successful requests.</summary>
    public async Task WaitForOutsideAsync(string name, int requests, int seconds = 60)
    {
        var before = (await ReadAsync(name)).Succeeded;
        await Eventually.TrueAsync(async () => (await ReadAsync(name)).Succeeded >= before + requests,
            $"{name} gets {requests} answers", seconds);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in _outside.Values)
        {
            await process.DisposeAsync();
        }
    }
}

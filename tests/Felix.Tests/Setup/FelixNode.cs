using System.Globalization;
using System.Text.Json.Nodes;
using ACCOffload.Felix.Tests.Calico;
using ACCOffload.TestKit.Labs;

namespace ACCOffload.Felix.Tests.Setup;

/// <summary>One node whose policy comes from a real Felix, with a real etcd. Its pods are attached through the CNI plugin.</summary>
internal sealed class FelixNode : IAsyncDisposable
{
    public const string Name = "node-1";

    private readonly Random _random;
    private FelixNode(Lab lab, Random random) => (Lab, _random) = (lab, random);

    public Lab Lab { get; }

    public EtcdServer Etcd { get; private set; } = null!;

    public FelixDaemon Felix { get; private set; } = null!;

    /// <summary>What the datastore says.</summary>
    public CalicoCluster Cluster { get; set; } = new();

    /// <summary>The pods of this node, by name.</summary>
    public Dictionary<string, Pod> Pods { get; } = new(StringComparer.Ordinal);

    private string Driver => Lab.At("felix-driver");

    /// <summary>Starts everything but Felix.</summary>
    public static async Task<FelixNode> StartAsync(Random random)
    {
        var node = new FelixNode(await Lab.StartAsync(new LabOptions { Bare = true }), random);
        try
        {
            var lab = node.Lab;
            lab.ChangeManagerConfig(c =>
            {
                c["Policy"] = new JsonObject { ["Source"] = "felix", ["FelixSocket"] = lab.At("felix.sock") };
                c["Services"] = new JsonObject { ["Source"] = "agent" };
            });
            // Felix passes no arguments to its driver, and this socket is not the default one.
            await File.WriteAllTextAsync(
                node.Driver, $"#!/bin/sh\nexec {Published.InfraManager} felix-driver --socket {lab.At("felix.sock")}\n");
            File.SetUnixFileMode(node.Driver, UnixFileMode.UserRead | UnixFileMode.UserExecute);
            node.Etcd = await EtcdServer.StartAsync(lab.AccNamespace, lab.At("etcd"));
            await lab.StartManagerAsync(waitReady: false);
            // The agent is ready when pods can be attached; they are closed until Felix is in sync.
            await lab.StartAgentAsync();
            return node;
        }
        catch
        {
            await node.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs ADD for a pod, and describes it to Calico.</summary>
    public async Task<CalicoEndpoint> AddPodAsync(string name, string ownNamespace, string app)
    {
        var pod = new Pod(name, await Lab.AddNamespaceAsync(name), $"{Lab.HostNamespace}-{name}");
        var added = await Lab.PluginAsync("ADD", pod, environment: new Dictionary<string, string>
        {
            ["CNI_ARGS"] = $"IgnoreUnknown=1;K8S_POD_NAMESPACE={ownNamespace};K8S_POD_NAME={name}",
        });
        Assert.True(added.ExitCode == 0, $"ADD {name}: {added.Output}{added.Error}\n{Lab.Manager!.Log}");
        pod.Result = JsonNode.Parse(added.Output)!;
        Pods[name] = pod;
        var endpoint = new CalicoEndpoint(ownNamespace, name, Name, pod.Address, app);
        Cluster = Cluster.With(endpoint);
        return endpoint;
    }

    /// <summary>Starts Felix, also again after it has ended.</summary>
    public async Task StartFelixAsync()
    {
        if (Felix is not null)
        {
            await Felix.DisposeAsync();
        }

        Felix = new FelixDaemon(Lab.AccNamespace, Name, Driver);
    }

    /// <summary>Waits until the service reports that policy is in force, and no problem with it.</summary>
    public async Task InSyncAsync() => await Eventually.TrueAsync(
        async () => !Felix.HasExited ? await IsReadyAsync() : throw new InvalidOperationException($"Felix ended:\n{Felix.Log}"),
        () => $"policy is in force; Felix's log:\n{Tail(Felix.Log)}\ninframanager's log:\n{Tail(Lab.Manager!.Log)}", 120);

    /// <summary>
    /// Compares the rows of the target with the policies that Felix sent, on every point, and the answers of `ctl policy why` about random
    /// packets with what the datastore says.
    /// </summary>
    /// <returns>The number of points and of packets that were compared.</returns>
    public async Task<(long Points, int Packets)> VerifyAsync(int packets)
    {
        var local = Pods.Values.ToList();
        var all = Cluster.Endpoints.Keys.Order(StringComparer.Ordinal).ToList();
        var questions = Enumerable.Range(0, packets).Select(i =>
        {
            var pod = local[_random.Next(local.Count)].Address;
            var peer = _random.Next(3) == 0 ? local[_random.Next(local.Count)].Address : all[_random.Next(all.Count)];
            var (protocol, port) = (_random.Next(2) == 0 ? "TCP" : "UDP", 8080 + _random.Next(3));
            return i % 2 == 0 ? (Client: pod, Server: peer, protocol, port) : (Client: peer, Server: pod, protocol, port);
        }).Where(q => q.Client != q.Server).ToList();
        foreach (var (client, server, protocol, port) in questions)
        {
            var expected = Cluster.Allows(Name, client, server, protocol, port);
            JsonNode? answer = null;
            await Eventually.TrueAsync(
                async () =>
                {
                    answer = await Lab.ControlAsync(
                        "policy", "why", client, server,
                        $"{protocol.ToLowerInvariant()}/{port.ToString(CultureInfo.InvariantCulture)}");
                    Assert.Equal("", (string?)answer["disagreement"]);
                    return (bool?)answer["allowed"] == expected;
                },
                () => $"{client} to {server} {protocol} {port} is {(expected ? "allowed" : "denied")}; {answer?.ToJsonString()}", 30);
        }

        JsonNode? verified = null;
        await Eventually.TrueAsync(
            async () =>
            {
                verified = await Lab.ControlAsync("verify", "policy");
                return (bool?)verified["equal"] == true;
            },
            () => $"the rows say what the policies say; {verified?.ToJsonString()}", 30);
        Assert.Equal(0, (int?)verified!["podsUnresolved"]);
        Assert.Equal(0, (int?)verified["podsWithoutPort"]);
        return ((long)verified["points"]!, questions.Count);
    }

    public async ValueTask DisposeAsync()
    {
        if (Felix is not null)
        {
            await Felix.DisposeAsync();
        }

        if (Etcd is not null)
        {
            await Etcd.DisposeAsync();
        }

        await Lab.DisposeAsync();
    }

    private async Task<bool> IsReadyAsync() =>
        await Lab.TryControlAsync("status") is { } status
            && status["reconciled"]!.GetValue<bool>()
            && status["pendingEntries"]!.GetValue<long>() == 0
            && status["conditions"]!.AsArray().All(c => c!["met"]?.GetValue<bool>() != false);

    private static string Tail(string log) => log.Length <= 4000 ? log : log[^4000..];
}

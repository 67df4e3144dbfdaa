using System.Text.Json.Nodes;
using ACCOffload.Services.Tests.Support;
using ACCOffload.TestKit.Targets;

namespace ACCOffload.Services.Tests.Faults;

/// <summary>InfraManager is killed with SIGKILL; except in one test, the soft target runs in a separate process.</summary>
public sealed class CrashTests(ITestOutputHelper output)
{
    private const string Address = "10.96.0.10:80";
    private const string NodePort = $"{ServiceNode.NodeAddress}:30080";

    private static readonly int Rounds = RunSettings.Number("ACCOFFLOAD_TEST_SERVICE_ROUNDS", 5);

    [Fact]
    public async Task Pinned_flows_survive_a_kill_and_new_flows_are_balanced_throughout()
    {
        Needs.Lab();
        await using var node = await ServiceNode.StartAsync(pods: 3, separateTarget: true);
        var web = Objects.Service("web", "10.96.0.10", nodePort: 30080);
        await node.SetClusterAsync(web, Objects.Slice("s", "web", [node.Endpoint(1), node.Endpoint(2)]));
        HeldConnection[] held = [await node.From(3).HoldAsync(Address), await node.From(1).HoldAsync(Address),
            await node.Host.HoldAsync(Address), await node.ExternalClient.HoldAsync(NodePort)];
        using var datagrams = node.From(3).OpenUdp(Address);
        var pinned = (await datagrams.AskAsync()).Server;

        await node.Lab.KillManagerAsync();
        await AllWorkAsync();
        await node.Lab.StartManagerAsync();
        await node.SyncedAsync();
        await AllWorkAsync();
        // After the restart nothing had to be changed.
        Assert.Equal(0, (await node.Lab.ControlAsync("status"))["updatesSent"]!.GetValue<long>());

        // Changes during the outage are applied after the restart; flows of the removed endpoint continue.
        await node.Lab.KillManagerAsync();
        node.Api.ReplaceAll([web, Objects.Slice("s", "web", [node.Endpoint(2), node.Endpoint(3)])]);
        await node.Lab.StartManagerAsync();
        await node.SyncedAsync();
        await node.AnswersAsync(node.From(1), Address, "2:8080", "3:8080");
        await node.AnswersAsync(node.ExternalClient, NodePort, "2:8080", "3:8080");
        foreach (var h in held)
        {
            await h.StillWorksAsync();
            await h.DisposeAsync();
        }

        async Task AllWorkAsync()
        {
            foreach (var h in held)
            {
                await h.StillWorksAsync();
            }

            Assert.Equal(pinned, (await datagrams.AskAsync()).Server);
            foreach (var client in new[] { node.From(3), node.Host })
            {
                Assert.Contains((await client.AskTcpAsync(Address)).Server, new[] { "1:8080", "2:8080" });
            }

            Assert.Contains((await node.ExternalClient.AskUdpAsync(NodePort)).Server, new[] { "1:8080", "2:8080" });
        }
    }

    [Fact]
    public async Task A_restart_without_an_API_server_serves_the_last_known_state()
    {
        Needs.Lab();
        await using var node = await ServiceNode.StartAsync(pods: 3);
        await node.SetClusterAsync(Objects.Service("web", "10.96.0.10"), Objects.Slice("s", "web", [node.Endpoint(1), node.Endpoint(2)]));
        await node.Api.StopAsync();
        node.Api.ReplaceAll([]);
        // The soft target is killed too, so its tables are empty at first.
        await node.Lab.KillManagerAsync();
        await node.Lab.StartManagerAsync();
        await node.AnswersAsync(node.From(3), Address, "1:8080", "2:8080");

        await node.Api.RestartAsync();
        await node.SyncedAsync(120);
        await node.AnswersAsync(node.From(3), Address);
    }

    [Fact]
    public async Task After_random_kills_during_changes_the_tables_match_the_cluster()
    {
        Needs.Lab();
        await using var node = await ServiceNode.StartAsync(pods: 5, separateTarget: true);
        using var target = new TargetReader(node.Lab);
        var random = new Random(RunSettings.Seed);
        var cluster = new Dictionary<string, JsonObject>();
        var wanted = new int[4][];
        var kills = 0;
        for (var i = 0; i < wanted.Length; i++)
        {
            Change(i, [1 + i]);
        }

        await node.SyncedAsync();
        for (var round = 0; round < Rounds; round++)
        {
            var held = new List<HeldConnection>();
            for (var i = 0; i < wanted.Length; i++)
            {
                if (wanted[i] is { Length: > 0 })
                {
                    held.Add(await node.From(5).HoldAsync($"10.96.1.{i}:80"));
                }
            }

            var changing = Task.Run(async () =>
            {
                for (var i = 0; i < 14; i++)
                {
                    lock (random)
                    {
                        Change(random.Next(wanted.Length), RandomPods());
                    }

                    await Task.Delay(60);
                }
            });
            for (var i = 0; i < 2; i++)
            {
                int pause;
                lock (random)
                {
                    pause = random.Next(50, 600);
                }

                await Task.Delay(pause);
                await node.Lab.KillManagerAsync();
                await node.Lab.StartManagerAsync(waitReady: false);
                kills++;
            }

            await changing;
            await node.Lab.WaitReadyAsync();
            await node.SyncedAsync();
            for (var i = 0; i < wanted.Length; i++)
            {
                await node.AnswersAsync(node.From(5), $"10.96.1.{i}:80", Expected(i));
            }

            foreach (var h in held)
            {
                await h.StillWorksAsync();
                await h.DisposeAsync();
            }

            await TablesAreAsync();
        }

        output.WriteLine($"crash services, seed {RunSettings.Seed}: {Rounds} rounds, {kills} kills");
        // A restarted process computes the same tables as the target has.
        await node.Lab.StopManagerAsync();
        await node.Lab.StartManagerAsync();
        await node.SyncedAsync();
        Assert.Equal(0, (await node.Lab.ControlAsync("status"))["updatesSent"]!.GetValue<long>());
        await TablesAreAsync();

        // Null means no service, an empty list a service without endpoints.
        int[]? RandomPods() => random.Next(8) == 0 ? null : [.. Enumerable.Range(1, 4).Where(_ => random.Next(2) == 0)];

        string[] Expected(int service) => wanted[service] switch
        {
            null => [],
            [] => [Answer.Refused],
            var pods => [.. pods.Select(p => $"{p}:8080")],
        };

        void Change(int service, int[]? pods)
        {
            wanted[service] = pods!;
            var name = $"s{service}";
            cluster.Remove(name);
            if (pods is not null)
            {
                cluster[name] = Objects.Service(name, $"10.96.1.{service}");
            }

            cluster[$"{name}-slice"] = Objects.Slice($"{name}-slice", name, (pods ?? []).Select(node.Endpoint));
            node.Api.ReplaceAll([.. cluster.Values]);
        }

        async Task TablesAreAsync()
        {
            var rows = await ServiceRows.ReadAsync(target);
            for (var i = 0; i < wanted.Length; i++)
            {
                foreach (var protocol in new[] { 6, 17 })
                {
                    var there = rows.Frontends.Remove($"10.96.1.{i}:80/{protocol}", out var servers);
                    if (wanted[i] is { } pods)
                    {
                        Assert.Equal(pods.Length == 0
                            ? "refused"
                            : string.Join(' ', pods.Select(p => $"{node.Pods[p].Address}:8080").Order()), servers);
                    }
                    else
                    {
                        Assert.True(!there || servers == "refused", $"a removed service accepts new flows: {servers}");
                    }
                }
            }

            Assert.Empty(rows.Frontends);
            Assert.Subset(node.Pods.Values.Select(p => p.Address).ToHashSet(), rows.Draining);
        }
    }
}

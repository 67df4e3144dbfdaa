using System.Text.Json.Nodes;
using ACCOffload.Crash;
using ACCOffload.Crash.Watch;
using ACCOffload.Integration;
using ACCOffload.Services.Tests.Support;

namespace ACCOffload.Services.Tests.Faults;

/// <summary>kill -9 of inframanager, with the soft target in a process of its own.</summary>
public sealed class CrashTests(ITestOutputHelper output)
{
    private const string Address = "10.96.0.10:80";
    private const string NodePort = $"{ServiceNode.NodeAddress}:30080";

    private static readonly int Rounds = CrashSettings.Number("ACCOFFLOAD_TEST_SERVICE_ROUNDS", 5);

    [RootFact]
    public async Task A_pinned_flow_survives_kill_9_and_new_flows_are_balanced_meanwhile_and_afterwards()
    {
        await using var node = await ServiceNode.StartAsync(pods: 3, separateTarget: true);
        var web = Objects.Service("web", "10.96.0.10", nodePort: 30080);
        await node.BecomeAsync(web, Objects.Slice("s", "web", [node.Endpoint(1), node.Endpoint(2)]));
        HeldConnection[] held = [await node.From(3).HoldAsync(Address), await node.From(1).HoldAsync(Address), await node.Host.HoldAsync(Address), await node.Friend.HoldAsync(NodePort)];
        using var datagrams = node.From(3).OpenUdp(Address);
        var pinned = (await datagrams.AskAsync()).Who;

        await node.Lab.KillManagerAsync();
        await AllWorkAsync();
        await node.Lab.StartManagerAsync();
        await node.SyncedAsync();
        await AllWorkAsync();
        // It found everything as it should be.
        Assert.Equal(0, (await node.Lab.ControlAsync("status"))["updatesSent"]!.GetValue<long>());

        // What changes while it is away holds soon after it is back; the flows of the endpoint that went go on.
        await node.Lab.KillManagerAsync();
        node.Api.Become([web, Objects.Slice("s", "web", [node.Endpoint(2), node.Endpoint(3)])]);
        await node.Lab.StartManagerAsync();
        await node.SyncedAsync();
        await node.AnswersAsync(node.From(1), Address, "2:8080", "3:8080");
        await node.AnswersAsync(node.Friend, NodePort, "2:8080", "3:8080");
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

            Assert.Equal(pinned, (await datagrams.AskAsync()).Who);
            foreach (var client in new[] { node.From(3), node.Host })
            {
                Assert.Contains((await client.AskTcpAsync(Address)).Who, new[] { "1:8080", "2:8080" });
            }

            Assert.Contains((await node.Friend.AskUdpAsync(NodePort)).Who, new[] { "1:8080", "2:8080" });
        }
    }

    [RootFact]
    public async Task Without_an_API_server_a_restart_serves_what_was_last_known()
    {
        await using var node = await ServiceNode.StartAsync(pods: 3);
        await node.BecomeAsync(Objects.Service("web", "10.96.0.10"), Objects.Slice("s", "web", [node.Endpoint(1), node.Endpoint(2)]));
        await node.Api.GoAwayAsync();
        node.Api.Become([]);
        // The soft target goes with it: its tables are empty at first.
        await node.Lab.KillManagerAsync();
        await node.Lab.StartManagerAsync();
        await node.AnswersAsync(node.From(3), Address, "1:8080", "2:8080");

        await node.Api.ComeBackAsync();
        await node.SyncedAsync(120);
        await node.AnswersAsync(node.From(3), Address);
    }

    [RootFact]
    public async Task Killed_at_random_while_services_change_the_tables_end_as_the_cluster_is()
    {
        await using var node = await ServiceNode.StartAsync(pods: 5, separateTarget: true);
        using var target = new TargetReader(node.Lab);
        var random = new Random(CrashSettings.Seed);
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

        output.WriteLine($"crash services, seed {CrashSettings.Seed}: {Rounds} rounds, {kills} kills");
        // What a new life computes is what is there.
        await node.Lab.StopManagerAsync();
        await node.Lab.StartManagerAsync();
        await node.SyncedAsync();
        Assert.Equal(0, (await node.Lab.ControlAsync("status"))["updatesSent"]!.GetValue<long>());
        await TablesAreAsync();

        // Null: no service; none: a service without endpoints.
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
            node.Api.Become([.. cluster.Values]);
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
                        Assert.Equal(pods.Length == 0 ? "refused" : string.Join(' ', pods.Select(p => $"{node.Pods[p].Address}:8080").Order()), servers);
                    }
                    else
                    {
                        Assert.True(!there || servers == "refused", $"a service that is gone has new flows: {servers}");
                    }
                }
            }

            Assert.Empty(rows.Frontends);
            Assert.Subset(node.Pods.Values.Select(p => p.Address).ToHashSet(), rows.Draining);
        }
    }
}

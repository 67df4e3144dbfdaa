using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Crash.Tests.Pods;

/// <summary>
/// Rounds in which pods are added and deleted through the CNI plugin while daemons are killed at random times. In each round, every
/// pod whose ADD succeeded has connectivity, and after the last DEL nothing is left behind.
/// </summary>
internal sealed class PodRounds(PodNode node, int seed)
{
    // Concurrency of a busy kubelet.
    private const int Concurrency = 12;

    private readonly FakeRuntime _runtime = new(node.Lab);
    private string[]? _files;

    public FakeRuntime Runtime => _runtime;

    public int Rounds { get; private set; }

    public int Kills { get; private set; }

    public int PacketsSent { get; private set; }

    /// <param name="round">The round number. Together with the seed, it determines the random choices.</param>
    /// <param name="among">The daemons that may be killed.</param>
    public async Task RunAsync(int round, Victims among)
    {
        var random = new Random(unchecked((seed * 31) + round));
        try
        {
            await using var ping = new ContinuousPing(node.PermanentPods[0], node.PermanentPods[1]);
            var pods = await WhileKillingAsync(random, among, 3, () => AddAsync(random.Next()));
            await node.SettledAsync();
            await node.AssertExactlyAsync(pods);
            await AssertConnectivityAsync(pods, random);
            await WhileKillingAsync(random, among, 2, () => EachAsync(pods, _runtime.DeleteAsync));
            await node.SettledAsync();
            await node.AssertExactlyAsync([]);
            foreach (var netns in node.Namespaces)
            {
                Assert.Equal(["lo"], await LabState.LinksAsync(netns));
            }

            var (sent, lost) = await ping.StopAsync();
            PacketsSent += sent;
            if (!among.HasFlag(Victims.Target))
            {
                Assert.True(lost == 0, $"{lost} of {sent} packets between the permanent pods were lost although the target kept running");
            }

            Assert.True(await Lab.PingAsync(node.PermanentPods[1].Namespace, node.PermanentPods[0].Address),
                "the permanent pods cannot reach each other");
            await node.CheckForLeaksAsync();
            _files ??= Files();
            Assert.Equal(_files, Files());
            Rounds++;
        }
        catch (Exception e)
        {
            throw new InvalidOperationException(
                $"round {round}, seed {seed}, {among}: "
                + $"{e.Message}\nagent:\n{Tail(node.Lab.Agent?.Log)}\ninframanager:\n{Tail(node.Lab.Manager?.Log)}\ntarget:\n{Tail(node.Lab.Target?.Log)}", e);
        }
    }

    // A third of the pods are deleted immediately, while others are added.
    private async Task<IReadOnlyList<Pod>> AddAsync(int choiceSeed)
    {
        var choices = new Random(choiceSeed);
        var stays = node.Namespaces.ToDictionary(n => n, _ => choices.Next(3) != 0);
        var pods = new List<Pod>();
        await EachAsync(node.Namespaces, async netns =>
        {
            var pod = await _runtime.AddAsync(netns);
            if (!stays[netns])
            {
                await _runtime.DeleteAsync(pod);
                return;
            }

            lock (pods)
            {
                pods.Add(pod);
            }
        });
        return pods;
    }

    /// <summary>Checks that every pod reaches another pod or the host through the router.</summary>
    private async Task AssertConnectivityAsync(IReadOnlyList<Pod> pods, Random random)
    {
        var silent = new List<string>();
        var partners = pods.ToDictionary(p => p, _ => pods[random.Next(pods.Count)]);
        await EachAsync(pods, async pod =>
        {
            var partner = partners[pod] == pod ? "200.1.1.2" : partners[pod].Address;
            // The long timeout only applies if there is no reply at all.
            var ping = await Shell.RunAsync(pod.Namespace, "ping", ["-n", "-c", "1", "-W", "10", partner]);
            if (ping.ExitCode == 0)
            {
                return;
            }

            var later = await Lab.PingAsync(pod.Namespace, partner);
            var neighbours = await Shell.RunLineAsync(pod.Namespace, "ip neigh");
            lock (silent)
            {
                silent.Add($"{pod.Address} does not reach {partner} "
                    + $"({(later ? "it does a moment later" : "and not a moment later either")}): {ping.Output}{neighbours.Output}");
            }
        });
        if (silent.Count > 0)
        {
            throw new InvalidOperationException($"{silent.Count} of {pods.Count} pods: {string.Join('\n', silent.Take(3))}\ndrops: "
                + $"{string.Join(' ', (await node.Lab.DropsAsync()).Where(d => d.Value > 0))}");
        }
    }

    /// <summary>All files written by the daemons and the IPAM plugin.</summary>
    private string[] Files() => [.. Directory.GetFileSystemEntries(node.Lab.Folder, "*", SearchOption.AllDirectories).Order()];

    private async Task<T> WhileKillingAsync<T>(Random random, Victims among, int times, Func<Task<T>> work)
    {
        var working = work();
        for (var i = 0; i < times; i++)
        {
            await Task.Delay(random.Next(20, 700));
            var victims = Choose(random, among);
            await node.RestartAsync(victims, TimeSpan.FromMilliseconds(random.Next(300)));
            Kills++;
        }

        return await working;
    }

    private async Task WhileKillingAsync(Random random, Victims among, int times, Func<Task> work) =>
        await WhileKillingAsync(random, among, times, async () =>
        {
            await work();
            return true;
        });

    private static Victims Choose(Random random, Victims among)
    {
        while (true)
        {
            var chosen = (Victims)random.Next(1, 8) & among;
            if (chosen != Victims.None)
            {
                return chosen;
            }
        }
    }

    private static Task EachAsync<T>(IEnumerable<T> items, Func<T, Task> action) =>
        Parallel.ForEachAsync(items, new ParallelOptions { MaxDegreeOfParallelism = Concurrency }, async (item, _) => await action(item));

    private static string Tail(string? log) => log is null ? "" : string.Join('\n', log.Split('\n').TakeLast(25));
}

using System.Diagnostics;
using ACCOffload.Protos.V1;
using Grpc.Core;

namespace ACCOffload.Crash.Tests.Rpc;

/// <summary>
/// Rounds of concurrent Attach and Detach requests. In each, processes may be killed at a random time and restarted, or another fault is
/// injected. Then the guarantees are checked: acknowledged changes hold, others hold completely or not at all, the tables match the
/// endpoints, and a Sync removes endpoints that the host does not have.
/// </summary>
internal sealed class RpcRounds(RpcNode node, int seed, int requests = RpcRounds.Requests)
{
    /// <summary>The default number of requests per round.</summary>
    public const int Requests = 500;

    /// <summary>The number of different attachments.</summary>
    public const int Slots = 600;

    private readonly Ledger _ledger = new();
    private TimeSpan _usualLength = TimeSpan.FromMilliseconds(200);

    public int Rounds { get; private set; }

    public int Kills { get; private set; }

    public long Acknowledged { get; private set; }

    public long Unanswered { get; private set; }

    /// <param name="round">The round number; with the seed it determines the choices.</param>
    /// <param name="victims">The processes to kill.</param>
    /// <param name="injectFault">A fault to inject at a random time, instead of a kill.</param>
    /// <param name="removeFault">Removes the fault when all requests have completed.</param>
    public async Task RunAsync(int round, Victims victims, Action? injectFault = null, Action? removeFault = null)
    {
        var random = new Random(unchecked((seed * 31) + round));
        var what = $"round {round}, seed {seed}, {victims}";
        try
        {
            what += $", {await BurstAsync(random, victims, injectFault)}";
            removeFault?.Invoke();
            await RecoverAsync(random, victims);
            await CheckAsync();
            what += ", then Sync";
            await SyncAsync(random, victims);
            await node.CheckForLeaksAsync();
            Rounds++;
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"{what}: {e.Message}\nInfraManager's log ends with:\n{Tail(node.Lab.Manager?.Log)}\nthe "
                + $"target's with:\n{Tail(node.Device.Log)}", e);
        }
    }

    private async Task<string> BurstAsync(Random random, Victims victims, Action? injectFault)
    {
        var operations = Choose(random);
        using var trigger = new KillTrigger(random, _usualLength, operations.Count, injectFault ?? KillerOf(victims));
        var started = Stopwatch.GetTimestamp();
        trigger.Start();
        var changing = node.Cluster?.ChangeServicesAsync(new Random(random.Next()), _usualLength) ?? Task.CompletedTask;
        await Task.WhenAll(operations.Select((operation, i) => Task.Run(async () =>
        {
            await node.SendAsync(operation, i);
            trigger.Answered();
        })));
        if (victims == Victims.None && injectFault is null)
        {
            _usualLength = Stopwatch.GetElapsedTime(started);
        }

        trigger.Complete();
        await changing;
        _ledger.Record(operations);
        Acknowledged += operations.Count(o => o.Answer == Answer.Acknowledged);
        Unanswered += operations.Count(o => o.Answer == Answer.Unknown);
        if (victims == Victims.None && operations.FirstOrDefault(o => o.Answer == Answer.Unknown) is { } lost)
        {
            throw new InvalidOperationException($"nothing was killed, but {lost} was not answered");
        }

        return trigger.ToString();
    }

    private List<Operation> Choose(Random random)
    {
        int[] slots = [.. Enumerable.Range(0, Slots)];
        random.Shuffle(slots);
        var operations = new List<Operation>(requests);
        // A few attachments get concurrent requests.
        var contested = requests * 3 / 50;
        for (var i = 0; operations.Count < requests; i++)
        {
            operations.Add(Next(random, slots[i], random.NextDouble() < 0.5));
            if (i < contested)
            {
                operations.Add(Next(random, slots[i], operations[^1].Spec is not null));
            }
        }

        var shuffled = operations.ToArray();
        random.Shuffle(shuffled);
        return [.. shuffled];
    }

    private Operation Next(Random random, int slot, bool maybeDetach)
    {
        var id = PodSpec.IdOf(slot);
        var detach = maybeDetach && (_ledger.IsPresent(id) || random.Next(4) == 0);
        return new Operation(id, detach ? null : PodSpec.Of(slot, random.Next(4)), node.NextSequence());
    }

    private async Task RecoverAsync(Random random, Victims victims)
    {
        await RestartAsync(victims);
        // Sometimes it is killed again during recovery.
        if (victims.HasFlag(Victims.Manager) && random.Next(4) == 0)
        {
            await Task.Delay(random.Next(250));
            node.Lab.Manager!.Kill();
            await RestartAsync(Victims.Manager);
        }

        await node.SettledAsync();
    }

    private async Task CheckAsync()
    {
        var endpoints = await node.EndpointsAsync();
        if (_ledger.Settle(endpoints.Select(node.Device.AsRequested)) is { } broken)
        {
            throw new InvalidOperationException(broken);
        }

        await node.AssertTablesEqualAsync(endpoints);
    }

    private async Task SyncAsync(Random random, Victims victims)
    {
        var before = _ledger.Present.ToList();
        var list = before.Where(_ => random.Next(8) != 0).ToList();
        var kills = victims.HasFlag(Victims.Manager) && random.Next(5) == 0;
        using var trigger = new KillTrigger(random, _usualLength / 5, 1, kills ? KillerOf(Victims.Manager) : null);
        trigger.Start();
        SyncReply? reply = null;
        try
        {
            reply = await node.SyncAsync(list);
        }
        catch (RpcException e) when (kills && RpcNode.AnswerOf(e) == Answer.Unknown)
        {
            // Killed during the Sync.
        }

        trigger.Answered();
        trigger.Complete();
        if (kills)
        {
            await RecoverAsync(random, Victims.Manager);
        }

        var held = await node.EndpointsAsync();
        var endpoints = held.Select(node.Device.AsRequested).ToHashSet();
        if (reply is null)
        {
            Assert.True(endpoints.SetEquals(list) || endpoints.SetEquals(before), "an unanswered Sync was applied partially");
            _ledger.RecordSync(endpoints);
        }
        else
        {
            Assert.Equal((list.Count, 0, before.Count - list.Count, 0),
                ((int)reply.Kept, (int)reply.Added, (int)reply.Removed, reply.Failures.Count));
            _ledger.RecordSync(list);
        }

        if (_ledger.Settle(endpoints) is { } broken)
        {
            throw new InvalidOperationException($"after Sync: {broken}");
        }

        await node.SettledAsync();
        await node.AssertTablesEqualAsync(held);
    }

    private async Task RestartAsync(Victims victims)
    {
        if (victims.HasFlag(Victims.Manager))
        {
            await node.Lab.Manager!.WaitAsync();
            Kills++;
        }

        if (victims.HasFlag(Victims.Target))
        {
            await node.Device.WaitAsync();
            Kills++;
        }

        // The new process may start while its target is still down, as after a reboot.
        if (victims.HasFlag(Victims.Manager))
        {
            File.Delete(node.Lab.ControlSocket);
            await node.Lab.StartManagerAsync(waitReady: false);
        }

        if (victims.HasFlag(Victims.Target))
        {
            await node.Device.StartAsync();
        }
    }

    // Prepared in advance, so that only the system calls remain.
    private Action? KillerOf(Victims victims)
    {
        Action[] kills =
        [
            .. victims.HasFlag(Victims.Manager) ? [node.Lab.Manager!.Kill] : Array.Empty<Action>(),
            .. victims.HasFlag(Victims.Target) ? [node.Device.Kill] : Array.Empty<Action>(),
        ];
        return kills.Length == 0 ? null : () => Array.ForEach(kills, kill => kill());
    }

    private static string Tail(string? log) => log is null ? "" : string.Join('\n', log.Split('\n').TakeLast(25));
}

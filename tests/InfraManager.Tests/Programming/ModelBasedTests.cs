using ACCOffload.InfraManager.Programming.Reconcile;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Store;
using ACCOffload.InfraManager.Tests.Support;
using CsCheck;

namespace ACCOffload.InfraManager.Tests.Programming;

/// <summary>Random sequences of requests, faults, crashes and restarts; a failing sequence is shrunk.</summary>
public class ModelBasedTests
{
    private static readonly Gen<(int Kind, int A, int B, int C)> Step = Gen.Select(Gen.Int[0, 19], Gen.Int[0, 5], Gen.Int[0, 31],
        Gen.Int[0, 31]);

    [Fact]
    public void Acknowledged_requests_hold_and_the_tables_match_the_model() =>
        Step.Array[1, 25].Sample(steps => RunAsync(steps).GetAwaiter().GetResult(), iter: Iterations(), threads: 2);

    // The soak run sets more iterations.
    private static long Iterations() =>
        long.TryParse(Environment.GetEnvironmentVariable("ACCOFFLOAD_TEST_ITERATIONS"), out var n) ? n : 200;

    private static async Task RunAsync((int Kind, int A, int B, int C)[] steps)
    {
        await using var core = await CoreHarness.StartAsync(
            options: o => o with
            {
                WriteLimit = TimeSpan.FromMilliseconds(60),
                PortLimit = TimeSpan.FromMilliseconds(60),
                OutcomeLimit = TimeSpan.FromMilliseconds(300)
            });
        var oracle = new Oracle();
        ulong sequence = 1;

        // Few addresses, MACs and ports, so that endpoints conflict.
        EndpointSpec Pod(int key, int variant, ulong sequence) => TestNode.Pod(
            key, sequence, ip: variant % 4, mac: variant % 8 < 6 ? key : variant % 3, port: variant / 8 < 3
                ? key
                : variant % 3, epoch: oracle.Epoch);

        DetachIntent Detach(int key, ulong sequence) => new("node-1", ApiOrigin.Offload, TestNode.Key(key), oracle.Epoch, sequence);

        foreach ((var kind, var a, var b, var c) in steps)
        {
            if (oracle.EpochIsDoubtful)
            {
                await oracle.RunAsync(core.Programmer, TestNode.Begin);
            }

            if (core.Programmer.Completion.IsCompleted)
            {
                await CrashAsync(core, oracle);
            }

            switch (kind)
            {
                case <= 5:
                    await oracle.RunAsync(core.Programmer, new AttachIntent(Pod(a, b, sequence++)));
                    break;
                case 6 or 7:
                    await oracle.RunAsync(core.Programmer, Detach(a, sequence++));
                    break;
                case 8:
                    EndpointSpec[] list = [.. oracle.Certain.Where((_, i) => (b & (1 << i)) != 0)];
                    await oracle.RunAsync(core.Programmer,
                        new SyncIntent("node-1", oracle.Epoch, sequence++,
                            c % 2 == 0 || list.Any(s => s.Key == TestNode.Key(a)) ? list : [.. list, Pod(a, c, sequence++)]));
                    sequence++;
                    break;
                case 9 or 10:
                    await oracle.RunAsync(
                        core.Programmer,
                        new AttachIntent(Pod(a, b, sequence++)), new AttachIntent(Pod((a + 1) % 6, c, sequence++)),
                        Detach(b % 6, sequence++),
                        new AttachIntent(Pod((a + 2) % 6, b, sequence++)), new AttachIntent(Pod(a, c, sequence++)));
                    break;
                case 11 or 12:
                    var left = b % 6;
                    var fault = (TargetFault)(1 + (c % 11));
                    core.Target.NextFault = () => Interlocked.Decrement(ref left) == -1 ? fault : TargetFault.None;
                    break;
                case 13:
                    core.Target.Drift(rows =>
                    {
                        if (rows.Count > 0)
                        {
                            rows.Remove(rows.Keys.ElementAt(b % rows.Count));
                        }
                    });
                    core.Target.Disconnect();
                    if (c % 2 == 0)
                    {
                        core.Target.Wipe();
                    }

                    if (a % 2 == 0)
                    {
                        core.Target.Connect();
                    }

                    break;
                case 14:
                    core.Target.Connect();
                    break;
                case 15:
                    oracle.DiskIsDoubtful = true;
                    var failures = 1 + (b % 3);
                    Action fail = () =>
                    {
                        if (Interlocked.Decrement(ref failures) >= 0)
                        {
                            throw new StoreException(StoreFailure.Io, "the disk fails");
                        }
                    };
                    if (c % 2 == 0)
                    {
                        core.Store.BeforeCommit = fail;
                    }
                    else
                    {
                        core.Store.AfterCommit = fail;
                    }

                    break;
                case 16:
                    var passing = b % 4;
                    var point = (CrashPoint)(c % 16);
                    core.Hook = p =>
                    {
                        if (p == point && Interlocked.Decrement(ref passing) == -1)
                        {
                            throw new SimulatedCrashException();
                        }
                    };
                    break;
                case 17:
                    await oracle.RunAsync(core.Programmer, TestNode.Begin);
                    break;
                case 18 when !oracle.EpochIsDoubtful:
                    var other = c % 2 == 0 ? oracle.Epoch + 1 + (ulong)b : oracle.Epoch - 1;
                    await oracle.RunAsync(
                        core.Programmer,
                        new AttachIntent(Pod(a, b, sequence++) with { Epoch = other }),
                        new DetachIntent("node-1", ApiOrigin.Offload, TestNode.Key(a), other, ulong.MaxValue),
                        new SyncIntent("node-1", other, ulong.MaxValue, []));
                    break;
                default:
                    if (b % 2 == 0)
                    {
                        await core.Programmer.StopAsync(TimeSpan.FromSeconds(10));
                    }

                    await CrashAsync(core, oracle);
                    break;
            }

            if (core.Programmer.Completion.IsCompleted)
            {
                await CrashAsync(core, oracle);
            }
        }

        for (var i = 0; i < 2; i++)
        {
            core.Target.NextFault = () => TargetFault.None;
            core.Store.BeforeCommit = null;
            core.Store.AfterCommit = null;
            core.Target.Connect();
            if (await core.EndHookAsync())
            {
                await CrashAsync(core, oracle);
            }

            oracle.Check(await core.SettledAsync());
            await CrashAsync(core, oracle);
            oracle.Check(await core.SettledAsync());
        }
    }

    private static async Task CrashAsync(CoreHarness core, Oracle oracle)
    {
        await core.KillAsync();
        oracle.Crashed();
        await core.RestartAsync(ready: false);
    }
}

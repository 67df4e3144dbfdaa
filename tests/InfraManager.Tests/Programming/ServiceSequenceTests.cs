using System.Globalization;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.Tests.Support;
using CsCheck;

namespace ACCOffload.InfraManager.Tests.Programming;

/// <summary>
/// Random sequences of changes to services and pods, and of restarts of the programmer and the target. The tables, read as the pipeline
/// reads them, match the specifications.
/// </summary>
public sealed class ServiceSequenceTests
{
    private static readonly Gen<(int Kind, int A, int B)> Step = Gen.Select(Gen.Int[0, 13], Gen.Int[0, 3], Gen.Int[0, 255]);

    [Fact]
    public void The_tables_match_the_services_after_any_sequence_of_changes() =>
        Step.Array[1, 25].Sample(steps => RunAsync(steps).GetAwaiter().GetResult(), iter: Iterations(), threads: 2);

    private static long Iterations() =>
        long.TryParse(Environment.GetEnvironmentVariable("ACCOFFLOAD_TEST_ITERATIONS"), out var n) ? n : 60;

    private static async Task RunAsync((int Kind, int A, int B)[] steps)
    {
        await using var core = await CoreHarness.StartAsync();
        var wanted = new Dictionary<ServiceKey, ServiceSpec>();
        // How often each address was given up: the next service that has it is a different one.
        var lives = new int[4];
        var pods = new Dictionary<int, int>();
        var owners = new Dictionary<string, string>();
        var attached = 0;
        foreach ((var kind, var a, var b) in steps)
        {
            switch (kind)
            {
                case <= 5:
                    var spec = Spec(a, b, lives[a]);
                    await core.SetAsync(spec);
                    wanted[spec.Key] = spec;
                    break;
                case 6:
                    await core.RemoveAsync(Key(a, lives[a]));
                    wanted.Remove(Key(a, lives[a]++));
                    break;
                case 7 or 8 when !pods.ContainsKey(b % 4):
                    // A new container each time, on reused addresses.
                    pods[b % 4] = ++attached + 100;
                    await core.AttachAsync(Pod(pods[b % 4], b % 4));
                    break;
                case 9 or 10 when pods.Remove(b % 4, out var container):
                    await core.DetachAsync(Pod(container, b % 4));
                    break;
                case 11:
                    await core.RestartAsync();
                    break;
                case 12:
                    core.Target.Restart();
                    break;
                case 13:
                    // All at once, in one batch or a few.
                    ServiceSpec[] all = [.. Enumerable.Range(0, 4).Select(i => Spec(i, b + (a * i), lives[i]))];
                    await Task.WhenAll(all.Select(core.SetAsync));
                    foreach (var one in all)
                    {
                        wanted[one.Key] = one;
                    }

                    break;
            }

            await core.SettledAsync();
            Check(core, wanted.Values, pods, owners);
        }
    }

    private static void Check(CoreHarness core, IEnumerable<ServiceSpec> wanted, Dictionary<int, int> pods,
        Dictionary<string, string> owners)
    {
        var expected = ServiceTables.Expect(wanted).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var said = ServiceTables.Render(core.Target.Rows).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Empty(expected.Except(said));
        // Beyond the desired state there are only frontends whose last flows are ending.
        Assert.All(said.Except(expected), s => Assert.EndsWith(ServiceTables.GivenUp, s, StringComparison.Ordinal));
        // Every frontend has one row that serves its flows, and every address one frontend.
        var frontends = core.Target.Rows.Where(r => r.Table.Alias == "services")
            .Select(r => (Id: r.EnumerateParams().First(p => p.Param.Name == "frontend_id")
                .ToString()!, At: string.Join(' ', r.EnumerateMatch().Skip(1)))).Distinct().ToList();
        Assert.Equal(frontends.Select(f => f.Id).Order(), frontends.Select(f => f.Id).Distinct().Order());
        Assert.Equal(frontends.Select(f => f.Id).Order(),
            core.Target.Rows.Where(r => r.Table.Alias == "frontends").Select(r => r.EnumerateMatch().Single().ToString()!).Order());
        // An endpoint's ID always belongs to one incarnation of one address.
        foreach (var row in core.Target.Rows.Where(r => r.Table.Alias == "endpoints"))
        {
            var id = row.EnumerateParams().Single().ToString()!;
            var address = string.Join(' ', row.EnumerateMatch());
            var pod = Enumerable.Range(0, 4)
                .FirstOrDefault(p => address.Contains($"ip={TestNode.Ip(p + 1)} ", StringComparison.Ordinal), -1);
            var owner = string.Create(CultureInfo.InvariantCulture, $"{address} of {pods.GetValueOrDefault(pod)}");
            Assert.Equal(owner, owners.TryAdd(id, owner) ? owner : owners[id]);
        }
    }

    private static EndpointSpec Pod(int container, int address) => TestNode.Pod(container, ip: address + 1);

    private static ServiceKey Key(int number, int life) => TestService.Key(number + (10 * life));

    /// <summary>Up to four pods of this node, ready or not, two remote ones and the node; some with two ports.</summary>
    private static ServiceSpec Spec(int number, int bits, int life)
    {
        Backend[] Backends(ushort port) =>
        [
            .. Enumerable.Range(0, 4).Where(i => (bits & (1 << i)) != 0)
                .Select(i => TestService.Pod(i + 1, ready: ((bits + number) & (2 << i)) != 0, port)),
            .. Enumerable.Range(1, 2).Where(i => (bits & (16 << i)) != 0)
                .Select(i => TestService.RemotePod(i, port: port, uid: (ulong)(1 + (bits & 1))) with { Terminating = (bits & 6) == 0 }),
            .. (bits & 128) != 0 ? [TestService.Host(port)] : Array.Empty<Backend>(),
        ];
        var first = TestService.Port(number, System.Net.Sockets.ProtocolType.Tcp, 80, Backends(8080));
        return new ServiceSpec(Key(number, life), (bits & 16) == 0
            ? [first]
            : [first, TestService.Port(number, System.Net.Sockets.ProtocolType.Udp, (ushort)(53 + (bits & 1)), Backends(8080))]);
    }
}

using ACCOffload.InfraManager.Felix;
using ACCOffload.InfraManager.State.Policy.Felix.Messages;
using ACCOffload.InfraManager.State.Policy.Felix.Wire;
using ACCOffload.InfraManager.State.Policy.Rules;
using Microsoft.Extensions.Logging.Abstractions;

namespace ACCOffload.InfraManager.Tests.Felix;

/// <summary>
/// The captured frames of each version go through a session, and the tables then say what the evaluator says. The capture has one frame of
/// each kind: what its endpoints and policies refer to beside that is made up here.
/// </summary>
public sealed class FelixCaptureTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData("3.29.7", "3.29.7")]
    [InlineData("3.31.7", "3.29.7")]
    [InlineData("3.32.1", "3.32.1")]
    public async Task Captured_frames_end_in_tables_that_equal_the_evaluator(string version, string sets)
    {
        var world = new FelixWorld();
        var start = Start(version, sets);

        await RunAsync(world, [.. start, .. FelixCapture.Messages(sets, "in_sync")]);
        var atStart = world.CheckEveryPoint();
        Assert.Empty(world.Compiler.Unresolved);
        Assert.Equal(version == "3.32.1" ? 4 : 5, world.Compiler.Model.Endpoints.Count);

        // A new Felix sends everything again, and then what was captured later.
        await RunAsync(world,
        [
            .. start,
            .. FelixCapture.Messages(sets, "in_sync"),
            .. FelixCapture.Messages(sets, "ipset_delta"),
            .. FelixCapture.Messages(sets, "workload_endpoint_remove", "host_endpoint_remove", "active_policy_remove", "ipset_remove"),
        ]);
        var later = world.CheckEveryPoint();
        Assert.Empty(world.Compiler.Unresolved);
        output.WriteLine($"{version}: {atStart} and {later} points equal");
        Assert.True(atStart > 1000 && later > 1000);

        // What the policies mean, in words: rules of the captured policy default.nets for the address ranges that it names.
        Assert.True(world.IsAllowed("prod/plain-1", "10.3.0.1", port: 4000));
        Assert.False(world.IsAllowed("prod/plain-1", "10.1.0.1", port: 4000));
        Assert.False(world.IsAllowed("prod/plain-1", "10.2.3.4", port: 4000));
        Assert.False(world.IsAllowed("prod/plain-1", "192.0.2.1", port: 4000));
        Assert.True(world.IsAllowed("prod/plain-1", "192.0.2.1", IpProtocol.Icmp, 8 << 8));
    }

    [Fact]
    public async Task Staged_policies_of_both_dialects_drop_nothing_and_say_what_they_would_drop()
    {
        foreach (var (version, sets) in new[] { ("3.31.7", "3.29.7"), ("3.32.1", "3.32.1") })
        {
            var world = new FelixWorld();
            var policies = FelixCapture.Messages(version, "policy_").Select(m => (FelixPolicyUpdate)new FelixDecoder().Decode(m));
            Assert.Equal(3, policies.Count(p => p.Id.IsStaged));
            // Endpoints that were captured before the staged policies came do not list them: this one does.
            var writer = new FelixWriter(version == "3.32.1" ? FelixDialect.Kinds : FelixDialect.Names);
            await RunAsync(world,
            [
                .. Start(version, sets),
                writer.Policy("default.all", [FelixWriter.Rule("allow")], []),
                writer.Endpoint(
                    "prod/staged", ["10.65.192.200/32"],
                    [new FelixTierText("default", "Deny", ["staged prod/default.stg2", "default.all"], [])], ["kns.prod"]),
                .. FelixCapture.Messages(sets, "in_sync"),
            ]);

            var verdict = world.Judge("prod/staged", PolicyDirection.Ingress, "192.0.2.1", IpProtocol.Tcp, 80);

            Assert.True(verdict.IsAllowed);
            Assert.EndsWith("default.stg2 ingress[0]", verdict.WouldDrop);
            world.CheckEveryPoint();
        }
    }

    /// <summary>Sets, policies, profiles and endpoints of the capture, and what these refer to.</summary>
    internal static List<byte[]> Start(string version, string sets)
    {
        List<byte[]> policies =
            [.. FelixCapture.Messages(sets, "policy_"), .. version == sets ? [] : FelixCapture.Messages(version, "policy_")];
        List<byte[]> profiles = [.. FelixCapture.Messages(sets, "profile_")];
        List<byte[]> endpoints = [.. FelixCapture.Messages(version, "wep_", "host_endpoint_update")];
        List<byte[]> known = [.. FelixCapture.Messages(sets, "ipset_update")];
        var decoder = new FelixDecoder();
        var messages = ((byte[][])[.. known, .. policies, .. profiles, .. endpoints]).Select(m => decoder.Decode(m)).ToList();
        var setIds = messages.OfType<FelixSetUpdate>().Select(s => s.Id).ToHashSet();
        var names = messages.OfType<FelixPolicyUpdate>().Select(p => p.Id.Name).ToHashSet();
        var writer = new FelixWriter(version == "3.32.1" ? FelixDialect.Kinds : FelixDialect.Names);
        var rules = messages.OfType<FelixPolicyUpdate>().SelectMany(p => p.Ingress!.Concat(p.Egress!)).ToList();
        var madeUpSets = rules.SelectMany(r => r.Source.Sets.Concat(r.Destination.Sets)).Where(s => !setIds.Contains(s)).Distinct()
            .Select((id, i) => writer.Set(id, 2, $"10.65.200.{i}/32", $"198.51.100.{i * 16}/28", $"fd00:65:{i}::/64"));
        var someSet = setIds.First(s => s.StartsWith("s:", StringComparison.Ordinal));
        var madeUpPolicies = messages.OfType<FelixEndpointUpdate>()
            .SelectMany(e => e.Endpoint.Tiers).SelectMany(t => t.Ingress.Concat(t.Egress))
            .Select(p => p.Name).Where(n => !names.Contains(n)).Distinct()
            .Select(n => writer.Policy(n[(n.IndexOf(' ', StringComparison.Ordinal) + 1)..],
                [FelixWriter.Rule("allow", r => r.Text(10, someSet)), FelixWriter.Rule("next-tier")],
                [FelixWriter.Rule("pass")]));
        return
        [
            .. FelixCapture.Messages(version, "config"), .. known, .. madeUpSets, .. policies, .. madeUpPolicies, .. profiles, .. endpoints,
            .. FelixCapture.Messages(sets, "service_account", "namespace", "route", "vtep", "host_metadata", "ipam", "encapsulation", "global"),
        ];
    }

    private static async Task RunAsync(FelixWorld world, IEnumerable<byte[]> messages)
    {
        using var stream = new TwoWayStream(new MemoryStream([.. messages.SelectMany(m => FelixFrames.Encode(m))]));
        using var session = new FelixSession(stream, world.SubmitAsync, TimeProvider.System, NullLogger.Instance);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        await session.RunAsync(limit.Token).WaitAsync(limit.Token);
    }
}

using ACCOffload.InfraManager.State.Policy.Evaluation;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.Tests.Felix;
using ACCOffload.InfraManager.Tests.Programming.Policy;
using ACCOffload.InfraManager.Tests.Support;

namespace ACCOffload.InfraManager.Tests.Programming.Felix;

/// <summary>Compares a target's rows with the reference evaluator's word on what a Felix has sent.</summary>
internal static class RowsAndEvaluator
{
    /// <summary>Attaches the pods of a Felix's IPv4 endpoints with one address.</summary>
    public static async Task<List<KeyValuePair<string, EndpointPolicy>>> AttachAsync(CoreHarness core, FelixWorld world)
    {
        var pods = world.Compiler.Model.Endpoints.Where(e => e.Value.Addresses.Count == 1 && e.Value.Addresses[0].IsIpv4).ToList();
        Assert.NotEmpty(pods);
        for (var i = 0; i < pods.Count; i++)
        {
            var names = pods[i].Key.Split('/');
            await core.AttachAsync(TestNode.Pod(i, (ulong)i + 1) with
            {
                PodNamespace = names[0],
                PodName = names[1],
                Addresses = [pods[i].Value.Addresses[0].ToIPAddress()],
            });
        }

        return pods;
    }

    /// <summary>Asserts that they say the same about these pods and every address that Felix named.</summary>
    public static void AssertSame(CoreHarness core, FelixWorld world, List<KeyValuePair<string, EndpointPolicy>> pods)
    {
        var judge = new TargetJudge(core.Target.Rows);
        var points = 0;
        foreach (var (_, endpoint) in pods)
        {
            var address = endpoint.Addresses[0].ToIPAddress();
            foreach (var peer in world.Compiler.Model.Peers.Addresses.Where(a => a.IsIpv4 && a != endpoint.Addresses[0])
                .Append(PolicyAddress.Parse("10.2.3.4")).Append(PolicyAddress.Parse("192.0.2.1")))
            {
                foreach (var (protocol, port) in new (byte, ushort)[] { (6, 80), (6, 8080), (6, 4000), (17, 53), (1, 8 << 8) })
                {
                    foreach (var direction in Enum.GetValues<PolicyDirection>())
                    {
                        points++;
                        var packet = new PolicyPacket(peer, protocol, port);
                        Assert.Equal(
                            PolicyEvaluator.Judge(world.Compiler.Model, endpoint, direction, packet).IsAllowed,
                            judge.Allows(address, direction == PolicyDirection.Ingress, peer.ToIPAddress(), protocol, port));
                    }
                }
            }
        }

        Assert.True(points > 100, $"{points} points");
    }
}

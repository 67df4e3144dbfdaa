using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.Tests.Policy;

/// <summary>Random objects of the Kubernetes API that policy follows from, with every field.</summary>
internal sealed class RandomRecords(RandomWorld world)
{
    private static readonly byte[] Protocols = [IpProtocol.Tcp, IpProtocol.Udp, IpProtocol.Sctp];

    public PolicyObject Next() => world.Next(5) switch
    {
        0 => new NamespaceRecord(Text(), Labels()),
        1 => Pod(),
        2 => new NodeRecord(
            Text(), Labels(),
            [.. Some(3, () => PolicyAddress.Parse(world.Chance(0.5) ? $"192.0.2.{world.Next(9)}" : $"fd00::{world.Next(9)}"))
                .Distinct().Order()]),
        3 => new NetworkPolicyRecord(
            Text(), Text(), Selector(), Some(3, NetworkPolicyRule), Some(3, NetworkPolicyRule), Some(2, () => world.Pick(["Ingress", "Egress"]))),
        _ => new ClusterPolicyRecord(
            Text(), world.Chance(0.5), world.Next(1001), Selector(), Selector(), Some(3, ClusterPolicyRule), Some(3, ClusterPolicyRule)),
    };

    private PodRecord Pod() => new(
        Text(), Text(), Labels(),
        [
            .. Some(1, () => PolicyAddress.Parse($"10.1.{world.Next(256)}.{world.Next(256)}")),
            .. Some(1, () => PolicyAddress.Parse($"fd00::{world.Next(65536):x}")),
        ],
        Some(3, () => new ContainerPort(Text(), world.Pick(Protocols), (ushort)world.Next(65536))))
    {
        Uid = world.Chance(0.5) ? Text() : "",
        Node = world.Chance(0.5) ? Text() : "",
        IsHostNetwork = world.Chance(0.3),
        IsFinished = world.Chance(0.3),
        IsLocal = world.Chance(0.3),
    };

    private LabelSet Labels() => LabelSet.Of(Some(4, Text).Distinct().Select(k => KeyValuePair.Create(k, world.Chance(0.3) ? "" : Text())));

    private LabelSelector Selector() => new(Some(3, () => new LabelRequirement(
        Text(), world.Pick<LabelOperator>([LabelOperator.In, LabelOperator.NotIn, LabelOperator.Exists, LabelOperator.DoesNotExist]),
        Some(2, Text))));

    private NetworkPolicyRule NetworkPolicyRule() => new(Some(2, KnownPeer), Some(2, () => Port(isNameForAll: false)));

    private ClusterPolicyRule ClusterPolicyRule() => new(
        world.Chance(0.5) ? Text() : "",
        world.Pick<PolicyAction>([PolicyAction.Unknown, PolicyAction.Allow, PolicyAction.Deny, PolicyAction.Pass]),
        Some(2, ClusterPeer), Some(2, () => Port(isNameForAll: true)));

    private PolicyPeer ClusterPeer() => world.Next(5) switch
    {
        0 => new PolicyPeer(),
        1 => new PolicyPeer { Nodes = Selector() },
        _ => KnownPeer(),
    };

    private PolicyPeer KnownPeer() => world.Next(4) switch
    {
        0 => new PolicyPeer { Pods = Selector() },
        1 => new PolicyPeer { Namespaces = Selector() },
        2 => new PolicyPeer { Pods = Selector(), Namespaces = Selector() },
        _ => new PolicyPeer { Nets = [world.Net()], Except = Some(2, world.Net) },
    };

    private PolicyPort Port(bool isNameForAll)
    {
        var first = world.Next(65536);
        return world.Next(4) switch
        {
            0 => new PolicyPort(world.Pick(Protocols), null),
            1 => new PolicyPort(world.Pick(Protocols), (ushort)first),
            2 => new PolicyPort(world.Pick(Protocols), (ushort)first, (ushort)(first + world.Next(65536 - first))),
            _ => new PolicyPort(isNameForAll ? null : world.Pick(Protocols), null, null, Text()),
        };
    }

    private string Text() => world.Pick(["a", "b.example/role", "c-9", "d_é", "e\"<", "0"]);

    private SequenceOf<T> Some<T>(int most, Func<T> make) => [.. Enumerable.Range(0, world.Next(most + 1)).Select(_ => make())];
}

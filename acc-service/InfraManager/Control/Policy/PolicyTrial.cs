using ACCOffload.InfraManager.Programming.Policy;
using ACCOffload.InfraManager.State.Policy.Classes;
using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.InfraManager.State.Policy.Points;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.Protos.V1;

namespace ACCOffload.InfraManager.Control.Policy;

/// <summary>
/// What changed policies would change for the pods of this node, without changing anything. It compiles a copy of the policies, so it takes
/// as long as a start, and as much memory as the policy in force, until it ends.
/// </summary>
internal sealed class PolicyTrial
{
    private const int MaxEffects = 64;
    private const int MaxExamples = 4;
    private const int MaxPorts = 8;

    private readonly List<(PolicyObjectKey Key, PolicyObject? Object)> _objects;
    private readonly SequenceOf<PolicyNet> _podRanges;

    private PolicyTrial(List<(PolicyObjectKey Key, PolicyObject? Object)> objects, SequenceOf<PolicyNet> podRanges) =>
        (_objects, _podRanges) = (objects, podRanges);

    /// <summary>What the policies follow from. Costs the programmer's loop a walk over all objects.</summary>
    /// <exception cref="IntentException">FAILED_PRECONDITION: the cluster's policies or pods are not known, or not in use.</exception>
    public static PolicyTrial Of(PolicyInForce policy)
    {
        if (!policy.Policies.IsOfCluster)
        {
            throw new IntentException(
                IntentError.FailedPrecondition, "policies of the API server are not in use here (Policy:Source), so none can be tried");
        }

        if (!policy.Bindings.IsSynced)
        {
            throw new IntentException(IntentError.FailedPrecondition, "the cluster's policies have not been listed yet");
        }

        if (policy.Model.PolicyObjects.Policies == 0)
        {
            throw new IntentException(
                IntentError.FailedPrecondition,
                "the cluster has no network policy, so its pods are not watched, and what a policy would select is not known");
        }

        return new PolicyTrial(policy.Policies.Objects(policy.Model), policy.Policies.PodRanges);
    }

    /// <summary>
    /// Compares the verdicts with and without the changed policies. The reply lacks the live flows, which <c>Flows</c> judges.
    /// </summary>
    /// <exception cref="IntentException">
    /// INVALID_ARGUMENT: a policy cannot be compiled. FAILED_PRECONDITION: a policy asks for nodes, which are not known.
    /// </exception>
    /// <exception cref="OperationCanceledException">It was ended.</exception>
    public (TryPolicyReply Reply, FlowTrial Flows) Run(
        IReadOnlyList<(PolicyObjectKey Key, PolicyObject? Object)> changes, CancellationToken cancellationToken)
    {
        if (HasNodePeers(changes) && !HasNodePeers(_objects))
        {
            throw new IntentException(
                IntentError.FailedPrecondition,
                "no policy of the cluster has peers by nodes, so its nodes are not watched, and what such a peer would select is unknown");
        }

        var compiler = new PolicyCompiler();
        compiler.SetPodRanges([.. _podRanges]);
        var policies = new KubernetesPolicies(compiler);
        policies.Set(_objects);
        cancellationToken.ThrowIfCancellationRequested();
        var before = compiler.Model.Copy();
        policies.Set(changes);
        cancellationToken.ThrowIfCancellationRequested();
        var difference = new PolicyDifference(before, compiler.Model, cancellationToken);
        difference.Compare();
        return (Reply(difference, before.Endpoints.Count), new FlowTrial(before, compiler.Model, difference.Changed));
    }

    private static bool HasNodePeers(IEnumerable<(PolicyObjectKey Key, PolicyObject? Object)> objects) =>
        objects.Any(o => o.Object is ClusterPolicyRecord { HasNodePeers: true });

    private TryPolicyReply Reply(PolicyDifference difference, int pods)
    {
        var reply = new TryPolicyReply
        {
            Pods = (uint)pods,
            ChangedPods = (uint)difference.Endpoints,
            Points = (ulong)difference.Points,
            EffectsLeftOut = (uint)Math.Max(0, difference.Effects.Count - MaxEffects),
        };
        var names = new Dictionary<PolicyAddress, string>();
        var nodes = new Dictionary<PolicyAddress, string>();
        foreach (var (_, value) in _objects)
        {
            if (value is NodeRecord node)
            {
                foreach (var address in node.Addresses)
                {
                    nodes[address] = $"node {node.Name}";
                }
            }
            else if (value is PodRecord { IsHostNetwork: false, IsFinished: false } pod)
            {
                foreach (var address in pod.Addresses)
                {
                    names[address] = pod.Key;
                }
            }
        }

        reply.Effects.AddRange(difference.Effects.OrderBy(e => e.Pod, StringComparer.Ordinal).ThenBy(e => e.Direction)
            .ThenBy(e => e.After.IsAllowed).ThenBy(e => e.After.Rule, StringComparer.Ordinal)
            .Take(MaxEffects).Select(e => Message(e, names, nodes)));
        return reply;
    }

    private static PolicyEffectInfo Message(
        PolicyEffect effect, Dictionary<PolicyAddress, string> names, Dictionary<PolicyAddress, string> nodes)
    {
        var message = new PolicyEffectInfo
        {
            Pod = effect.Pod,
            Direction = PolicyWords.Of(effect.Direction),
            Allowed = effect.After.IsAllowed,
            RuleBefore = effect.Before.Rule,
            RuleAfter = effect.After.Rule,
            PortsLeftOut = (uint)Math.Max(0, effect.Ports.Count - MaxPorts),
        };
        foreach (var peer in effect.Peers.OrderByDescending(p => p.Known))
        {
            message.PeerPods += (uint)(names.ContainsKey(peer.Address) ? peer.Known : 0);
            message.Others |= !names.ContainsKey(peer.Address);
            if (message.Examples.Count < MaxExamples)
            {
                message.Examples.Add(
                    names.TryGetValue(peer.Address, out var name) || nodes.TryGetValue(peer.Address, out name)
                        ? $"{name} ({peer.Address})"
                        : peer.Address.ToString());
            }
        }

        message.Ports.AddRange(effect.Ports.OrderBy(p => p.Protocol).ThenBy(p => p.Port).Take(MaxPorts).Select(p => p.ToString()));
        return message;
    }
}

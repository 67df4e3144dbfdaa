using System.Net;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Policy;
using ACCOffload.InfraManager.State.Policy.Classes;
using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.Programming.Policy;

/// <summary>Keeps the compiled policy of this node's pods equal to the model: its policy objects, endpoints and address ranges.</summary>
internal sealed class LocalKubernetesPolicies : LocalPolicies
{
    private readonly string _node;
    private readonly KubernetesPolicies _kubernetes;
    private readonly Dictionary<string, PolicyPod> _pods = new(StringComparer.Ordinal);
    private SequenceOf<PolicyNet> _ranges = [];
    private bool _hasRanges;

    /// <param name="node">The name of this node.</param>
    /// <param name="isAwaited">Whether endpoints are dropped until all objects have been listed once.</param>
    /// <param name="countedRows">As of <see cref="PolicyCompiler"/>.</param>
    public LocalKubernetesPolicies(string node, bool isAwaited, int countedRows)
        : base(new PolicyBindings { IsOn = true, IsAwaited = isAwaited }, countedRows)
    {
        _node = node;
        _kubernetes = new KubernetesPolicies(Compiler);
    }

    public override bool IsOfCluster => true;

    public override string Source => "kubernetes";

    public override SequenceOf<PolicyNet> PodRanges => _ranges;

    public override int CountOf(NetworkModel model) => model.PolicyObjects.Policies;

    public override List<(PolicyObjectKey Key, PolicyObject? Object)> Objects(NetworkModel model)
    {
        var endpoints = ByPod(model);
        return [.. model.PolicyObjects.Values.Select(o => (o.ObjectKey, Localize(o, endpoints)))];
    }

    public override void Load(NetworkModel model, NodeSettings node)
    {
        var change = Update(model, node, [.. model.PolicyObjects.Keys]);
        foreach (var pod in change.Pods)
        {
            Bindings.Set(pod.Key, pod.Uid, pod.Egress, pod.Ingress);
        }

        Bindings.IsSynced = change.IsSynced;
        Bindings.HasPolicies = change.HasPolicies;
    }

    public override PolicyChange? Update(NetworkModel model, NodeSettings node)
    {
        var keys = model.PolicyObjects.ChangesSince(0).Select(c => c.Key).ToHashSet();
        foreach (var (id, old) in model.Endpoints.ChangesSince(0))
        {
            foreach (var endpoint in new[] { old, model.Endpoints.Find(id) }.OfType<Endpoint>())
            {
                var key = new PolicyObjectKey(PolicyObjectKind.Pod, PolicyBindings.KeyOf(endpoint.Spec));
                if (model.PolicyObjects.ContainsKey(key))
                {
                    keys.Add(key);
                }
            }
        }

        var change = Update(model, node, keys);
        return change.Rows.Count == 0 && change.Pods.Count == 0 && change.IsSynced == Bindings.IsSynced
            && change.HasPolicies == Bindings.HasPolicies
            ? null
            : change;
    }

    private static ILookup<string, Endpoint> ByPod(NetworkModel model) =>
        model.Endpoints.Values.Where(e => e.Spec.Kind == EndpointKind.Pod && e.Spec.PodName.Length > 0)
            .OrderBy(e => e.Id).ToLookup(e => PolicyBindings.KeyOf(e.Spec), StringComparer.Ordinal);

    private PolicyChange Update(NetworkModel model, NodeSettings node, HashSet<PolicyObjectKey> keys)
    {
        var rows = new List<RowChange>();
        SetPodRanges(model, node, rows);

        if (keys.Count > 0)
        {
            var endpoints = ByPod(model);
            rows.AddRange(_kubernetes.Set([.. keys.Select(k => (k, Localize(model.PolicyObjects.Find(k), endpoints)))]));
        }

        return new PolicyChange(rows, ChangedPods(model, keys), model.PolicySync.IsSynced, model.PolicyObjects.Policies > 0);
    }

    private void SetPodRanges(NetworkModel model, NodeSettings node, List<RowChange> rows)
    {
        if (_hasRanges && model.NodeFacts.ChangesSince(0).Count == 0 && model.RemoteNodes.ChangesSince(0).Count == 0)
        {
            return;
        }

        _hasRanges = true;
        SequenceOf<PolicyNet> ranges = [.. FindPodRanges(model, node).Select(PolicyNet.Of).Distinct().Order()];
        if (ranges != _ranges)
        {
            _ranges = ranges;
            rows.AddRange(Compiler.SetPodRanges([.. ranges]));
        }
    }

    private List<PolicyPod> ChangedPods(NetworkModel model, HashSet<PolicyObjectKey> keys)
    {
        var changed = new List<PolicyPod>();
        foreach (var key in keys.Where(k => k.Kind == PolicyObjectKind.Pod))
        {
            if (model.PolicyObjects.Find(key) is not PodRecord pod || pod.Node != _node)
            {
                _pods.Remove(key.Name);
                continue;
            }

            var now = new PolicyPod(
                pod.Key, pod.Uid, Compiler.SetOf(pod.Key, PolicyDirection.Egress), Compiler.SetOf(pod.Key, PolicyDirection.Ingress));
            if (!_pods.TryGetValue(pod.Key, out var former) || former.Uid != now.Uid)
            {
                changed.Add(now);
            }

            _pods[pod.Key] = now;
        }

        return changed;
    }

    /// <summary>A pod of this node, with the addresses that its endpoint has: the API learns them later.</summary>
    private PolicyObject? Localize(PolicyObject? value, ILookup<string, Endpoint> endpoints)
    {
        if (value is not PodRecord pod || pod.Node != _node)
        {
            return value;
        }

        var endpoint = endpoints[pod.Key].FirstOrDefault(e => PolicyBindings.IsSame(pod.Uid, e.Spec.PodUid));
        return pod with
        {
            IsLocal = true,
            Addresses = endpoint is null
                ? pod.Addresses
                : [.. endpoint.Spec.Addresses.GroupBy(a => a.AddressFamily).Select(g => PolicyAddress.Of(g.First()))],
        };
    }

    /// <summary>The addresses of pods, of which one that is not known matches no allow and every deny.</summary>
    private static IEnumerable<IPNetwork> FindPodRanges(NetworkModel model, NodeSettings node) => node.ClusterRanges.Count > 0
        ? node.ClusterRanges.Concat(node.PodRanges)
        : node.PodRanges.Concat(model.RemoteNodes.Values.SelectMany(n => n.Facts.PodRanges));
}

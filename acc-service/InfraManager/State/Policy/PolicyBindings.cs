using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Policy.Classes;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Policy;

/// <summary>
/// Which sets apply to which endpoint at this step of a change. An endpoint whose pod is not known is dropped, unless it is known that
/// there is no policy.
/// </summary>
internal sealed class PolicyBindings
{
    private readonly Dictionary<string, Binding> _pods = new(StringComparer.Ordinal);

    /// <summary>Not durable, like the policies: follows from the target's rows.</summary>
    public PolicyNumbering Numbers { get; set; } = new();

    /// <summary>Whether policy applies at all.</summary>
    public bool IsOn { get; init; }

    /// <summary>Whether endpoints are dropped until all objects have been listed once: there is a cluster to ask.</summary>
    public bool IsAwaited { get; init; } = true;

    /// <summary>
    /// Whether an endpoint belongs to the pod of its name that has exactly its addresses. Otherwise the pod's UID tells: Felix knows none.
    /// </summary>
    public bool MatchesAddresses { get; init; }

    /// <summary>Whether all objects have been listed once.</summary>
    public bool IsSynced { get; set; }

    public bool HasPolicies { get; set; }

    /// <summary>
    /// Whether the rows of policy differ from the policies, after a crash or a lost reply in the middle of a change, or because the target
    /// refuses some: isolated endpoints are dropped meanwhile.
    /// </summary>
    public bool IsFenced { get; set; }

    /// <summary>Sets the policy sets of one pod in one direction.</summary>
    public void Apply(RowChange change)
    {
        var row = (BindingRow)change.Row;
        if (change.Kind == RowChangeKind.Delete)
        {
            _pods.Remove(row.Endpoint);
            return;
        }

        var former = _pods.GetValueOrDefault(row.Endpoint);
        Set(row.Endpoint, former with
        {
            Egress = row.Direction == PolicyDirection.Egress ? row.Set : former.Egress,
            Ingress = row.Direction == PolicyDirection.Ingress ? row.Set : former.Ingress,
        });
    }

    /// <summary>A pod with this name is another one, or is gone.</summary>
    public void Forget(string pod) => _pods.Remove(pod);

    /// <param name="pod">The key of the pod.</param>
    /// <param name="uid">Its UID; empty with <see cref="MatchesAddresses"/>.</param>
    /// <param name="egress">The compiler's number of its set.</param>
    /// <param name="ingress">Likewise.</param>
    /// <param name="addresses">With <see cref="MatchesAddresses"/>: its addresses.</param>
    public void Set(string pod, string uid, uint egress, uint ingress, SequenceOf<PolicyAddress> addresses = default) =>
        Set(pod, new Binding(uid, egress, ingress, addresses));

    /// <summary>Whether a pod with this name is known, and is another one.</summary>
    public bool IsOther(string pod, string uid, SequenceOf<PolicyAddress> addresses) =>
        _pods.TryGetValue(pod, out var known) && known.Uid is { } former && (former != uid || known.Addresses != addresses);

    /// <summary>The UID of the pod that is known under this name; null if none is. Empty with <see cref="MatchesAddresses"/>.</summary>
    public string? UidOf(string pod) => _pods.TryGetValue(pod, out var binding) ? binding.Uid : null;

    /// <summary>The sets of an endpoint, as the pipeline numbers them.</summary>
    public PolicySets Of(Endpoint endpoint)
    {
        // An attachment without a pod's name is no pod: no policy selects it.
        if (!IsOn || endpoint.Spec.Kind != EndpointKind.Pod || endpoint.Spec.PodName.Length == 0)
        {
            return PolicySets.None;
        }

        if (!IsSynced)
        {
            return IsAwaited ? PolicySets.Pending : PolicySets.None;
        }

        if (!HasPolicies)
        {
            return PolicySets.None;
        }

        return _pods.TryGetValue(KeyOf(endpoint.Spec), out var binding)
            && (MatchesAddresses ? AreSame(binding.Addresses, endpoint.Spec) : IsSame(binding.Uid, endpoint.Spec.PodUid))
            ? new PolicySets(SetOf(binding.Egress), SetOf(binding.Ingress))
            : PolicySets.Pending;
    }

    public static string KeyOf(EndpointSpec spec) => $"{spec.PodNamespace}/{spec.PodName}";

    /// <summary>Whether an endpoint belongs to the pod with this UID. Runtimes older than CNI 1.1's arguments pass none.</summary>
    public static bool IsSame(string podUid, string endpointUid) => endpointUid.Length == 0 || podUid == endpointUid;

    /// <summary>Whether an endpoint has exactly these addresses; it has at least one.</summary>
    public static bool AreSame(SequenceOf<PolicyAddress> addresses, EndpointSpec spec)
    {
        if (addresses.Count == 0 || addresses.Count != spec.Addresses.Count)
        {
            return false;
        }

        foreach (var address in spec.Addresses)
        {
            if (!addresses.Contains(PolicyAddress.Of(address)))
            {
                return false;
            }
        }

        return true;
    }

    private void Set(string pod, Binding binding) => _pods[pod] = binding;

    private uint SetOf(uint number) => number == 0 ? 0 : IsFenced ? PolicySets.PendingSet : Numbers.Group(number);

    /// <param name="Uid">The pod's UID.</param>
    /// <param name="Egress">The compiler's number of the set.</param>
    /// <param name="Ingress">Likewise.</param>
    /// <param name="Addresses">The pod's addresses, each once; none until they are known.</param>
    private readonly record struct Binding(string Uid, uint Egress, uint Ingress, SequenceOf<PolicyAddress> Addresses);
}

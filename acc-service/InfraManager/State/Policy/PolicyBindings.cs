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

    /// <summary>A pod with this name has another UID, or is gone.</summary>
    public void Forget(string pod) => _pods.Remove(pod);

    public void Set(string pod, string uid, uint egress, uint ingress) => Set(pod, new Binding(uid, egress, ingress));

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

        return _pods.TryGetValue(KeyOf(endpoint.Spec), out var binding) && IsSame(binding.Uid, endpoint.Spec.PodUid)
            ? new PolicySets(SetOf(binding.Egress), SetOf(binding.Ingress))
            : PolicySets.Pending;
    }

    public static string KeyOf(EndpointSpec spec) => $"{spec.PodNamespace}/{spec.PodName}";

    /// <summary>Whether an endpoint belongs to the pod with this UID. Runtimes older than CNI 1.1's arguments pass none.</summary>
    public static bool IsSame(string podUid, string endpointUid) => endpointUid.Length == 0 || podUid == endpointUid;

    private void Set(string pod, Binding binding) => _pods[pod] = binding;

    private uint SetOf(uint number) => number == 0 ? 0 : IsFenced ? PolicySets.PendingSet : Numbers.Group(number);

    /// <param name="Uid">The pod's UID.</param>
    /// <param name="Egress">The compiler's number of the set.</param>
    /// <param name="Ingress">Likewise.</param>
    private readonly record struct Binding(string Uid, uint Egress, uint Ingress);
}

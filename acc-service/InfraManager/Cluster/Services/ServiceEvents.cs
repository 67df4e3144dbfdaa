using ACCOffload.InfraManager.Cluster.Events;
using ACCOffload.InfraManager.State.Services;

namespace ACCOffload.InfraManager.Cluster.Services;

/// <summary>Reports, as events on a Service of the cluster, what this node does not serve.</summary>
/// <param name="record">Records an event.</param>
/// <param name="uidOf">Returns the UID of a Service; empty if unknown.</param>
internal sealed class ServiceEvents(Action<ClusterEvent> record, Func<ServiceKey, string> uidOf)
{
    private const string Action = "Program";

    /// <summary>Reports the problems of a service's new state without waiting.</summary>
    public void Report(ServiceKey key, ServiceSpec? spec)
    {
        foreach (var problems in (spec?.Problems ?? []).ToLookup(p => ReasonOf(p, spec!)))
        {
            if (problems.Key.Length > 0)
            {
                var regarding = new ObjectReference("v1", "Service", key.Namespace, key.Name, uidOf(key));
                var note = string.Join("; ", problems.Select(p => $"{p.Subject} {p.Reason}"));
                record(new ClusterEvent(regarding, IsWarning: true, problems.Key, Action, note));
            }
        }
    }

    /// <summary>Empty for problems without an event.</summary>
    private static string ReasonOf(ServiceProblem problem, ServiceSpec spec) => problem.Subject.Split(' ')[0] switch
    {
        ServiceProblem.WholeService => spec.IsUnserved ? "ServiceNotServed" : "ServicePartlyServed",
        "access" => "AccessListNotApplied",
        "slice" => "EndpointSliceNotRead",
        "frontend" => "AddressNotServed",
        "port" => "PortNotServed",
        "backends" => "BackendsNotServed",
        "affinity" => "AffinityNotApplied",
        _ => "",
    };
}

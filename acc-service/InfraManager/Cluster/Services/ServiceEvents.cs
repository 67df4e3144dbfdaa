using ACCOffload.InfraManager.Cluster.Events;
using ACCOffload.InfraManager.State;

namespace ACCOffload.InfraManager.Cluster.Services;

/// <summary>Tells, on a Service of the cluster, what of it is not served on this node.</summary>
/// <param name="record">Takes the Events.</param>
/// <param name="uidOf">The UID of the Service; empty where it is not known.</param>
internal sealed class ServiceEvents(Action<ClusterEvent> record, Func<ServiceKey, string> uidOf)
{
    private const string Action = "Program";

    /// <summary>Notes what a service is from now on; never waits.</summary>
    public void Set(ServiceKey key, ServiceSpec? spec)
    {
        foreach (var problems in (spec?.Problems ?? []).ToLookup(p => ReasonOf(p, spec!)))
        {
            if (problems.Key.Length > 0)
            {
                record(new ClusterEvent(new ObjectReference("v1", "Service", key.Namespace, key.Name, uidOf(key)), IsWarning: true, problems.Key, Action, string.Join("; ", problems.Select(p => $"{p.Subject} {p.Reason}"))));
            }
        }
    }

    /// <summary>Empty for what no Event is written about: a client that is kept longer than asked for is served.</summary>
    private static string ReasonOf(ServiceProblem problem, ServiceSpec spec) => problem.Subject.Split(' ')[0] switch
    {
        ServiceProblem.WholeService => spec.IsUnserved ? "ServiceNotServed" : "ServicePartlyServed",
        "access" => "AccessListNotApplied",
        "slice" => "EndpointSliceNotRead",
        "frontend" => "AddressNotServed",
        "port" => "PortNotServed",
        _ => "",
    };
}

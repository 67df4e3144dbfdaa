using System.Net.Sockets;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Node;

/// <summary>
/// The restrictions of a pipeline's services, such as those of a 24.01 package. The table that translates replies is keyed on the backend's
/// address and port, so a backend can serve only one frontend.
/// </summary>
internal sealed record ServiceLimits
{
    /// <summary>
    /// The flow hash of the E2100 package is six bits wide. A group of the P4-DPDK package has room for twice as many, which is not worth a
    /// second limit.
    /// </summary>
    private const int MaxBuckets = 64;

    /// <summary>The package's name, for messages.</summary>
    public required string Name { get; init; }

    /// <summary>The largest pointer to a row of the translation tables; the smallest is 1.</summary>
    public required uint MaxPointers { get; init; }

    /// <summary>Backends are reached by port and MAC address, so backends on other nodes are not supported.</summary>
    public bool OwnBackendsOnly { get; init; }

    /// <summary>Every hash value needs a bucket, however few backends there are.</summary>
    public bool HasAllBuckets { get; init; }

    /// <summary>The number of buckets for a set with this many backends.</summary>
    public int BucketsFor(int backends) => backends == 0 ? 0 : HasAllBuckets ? MaxBuckets : Math.Min(backends, MaxBuckets);

    /// <summary>The specification without what the package cannot do; the omissions are listed as problems.</summary>
    public ServiceSpec Limit(ServiceSpec spec)
    {
        var problems = new List<ServiceProblem>();
        var served = new Dictionary<(BackendKey, ProtocolType), ushort>();
        ServicePortSpec[] ports = [.. spec.Ports.Select(p => Limit(p, served, problems))];
        return problems.Count == 0 ? spec : spec with { Ports = [.. ports], Problems = [.. spec.Problems.Concat(problems).Distinct()] };
    }

    /// <summary>Like <see cref="Limit(ServiceSpec)"/>, but refuses a specification whose frontends or affinity would be dropped.</summary>
    /// <exception cref="IntentException">INVALID_ARGUMENT.</exception>
    public ServiceSpec Demand(ServiceSpec spec)
    {
        var limited = Limit(spec);
        for (var i = 0; i < spec.Ports.Count; i++)
        {
            if (limited.Ports[i].Frontends != spec.Ports[i].Frontends || limited.Ports[i].AffinitySeconds != spec.Ports[i].AffinitySeconds)
            {
                throw IntentException.Invalid($"ports[{i}]",
                    string.Join("; ", limited.Problems.Except(spec.Problems).Select(p => $"{p.Subject}: {p.Reason}")));
            }
        }

        return limited;
    }

    private ServicePortSpec Limit(ServicePortSpec port, Dictionary<(BackendKey, ProtocolType), ushort> served,
        List<ServiceProblem> problems)
    {
        var subject = port.Name.Length > 0 ? $"port {port.Name}" : $"port {port.Port}/{ServiceText.Protocol(port.Protocol)}";
        if (port.Protocol is not (ProtocolType.Tcp or ProtocolType.Udp) && port.Frontends.Count > 0)
        {
            problems.Add(new ServiceProblem(subject, $"is not served: {Name} carries services of TCP and UDP only"));
            port = port with { Frontends = [] };
        }

        var kept = port.Frontends.FirstOrDefault(f => f.Kind == FrontendKind.ClusterIP);
        foreach (var other in port.Frontends.Where(f => !ReferenceEquals(f, kept)))
        {
            problems.Add(
                new ServiceProblem(
                    $"frontend {new FrontendKey(other.Address, port.Protocol, other.Port)}",
                    $"is not served: {Name} serves cluster addresses only, one for each port"));
        }

        if (kept is not null && port.AffinitySeconds > 0)
        {
            problems.Add(new ServiceProblem(subject, $"clients stick to no backend: {Name} has no session affinity"));
        }

        port = port with
        {
            Frontends = kept is null ? [] : port.Frontends.Count == 1 ? port.Frontends : [kept],
            AffinitySeconds = kept is null ? port.AffinitySeconds : 0
        };
        return kept is null ? port : port with { Backends = LimitBackends(port, subject, served, problems) };
    }

    private SequenceOf<Backend> LimitBackends(
        ServicePortSpec port, string subject, Dictionary<(BackendKey, ProtocolType), ushort> served, List<ServiceProblem> problems)
    {
        var left = new List<Backend>(port.Backends.Count);
        int elsewhere = 0, taken = 0;
        foreach (var backend in port.Backends)
        {
            var isEligible = backend.InCluster || backend.InLocal;
            var isElsewhere = isEligible && OwnBackendsOnly && backend.Place == BackendPlace.Remote;
            var isTaken = isEligible && !isElsewhere && !served.TryAdd((backend.Key, port.Protocol), port.Port);
            elsewhere += isElsewhere ? 1 : 0;
            taken += isTaken ? 1 : 0;
            left.Add(isElsewhere || isTaken ? backend with { InCluster = false, InLocal = false } : backend);
        }

        if (elsewhere > 0)
        {
            problems.Add(
                new ServiceProblem(
                    subject, $"{elsewhere} of {port.Backends.Count} backends get nothing: they are on other nodes, and {Name} balances to "
                        + "this node's own"));
        }

        if (taken > 0)
        {
            problems.Add(
                new ServiceProblem(
                    subject, $"{taken} of {port.Backends.Count} backends get nothing: another port of the service has them, and {Name} "
                        + "can translate a backend's replies to one address only"));
        }

        return elsewhere + taken == 0 ? port.Backends : [.. left];
    }
}

using System.Net.Sockets;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.State.Node;

/// <summary>
/// What a pipeline, such as a 24.01 package, does not support in services. The table that translates replies is keyed on the backend's
/// address and port, so a backend can serve only one frontend.
/// </summary>
internal sealed record ServiceLimits
{
    /// <summary>
    /// The E2100 package's flow hash is six bits wide, which allows 64 buckets. A group in the P4-DPDK package could hold 128, but that is
    /// not worth a separate limit.
    /// </summary>
    private const int MaxBuckets = 64;

    /// <summary>The largest pointer that fits in both packages' tables, where pointers are 24 bits wide.</summary>
    public const uint LargestPointer = (1 << 24) - 1;

    /// <summary>The package's name, for messages.</summary>
    public required string Name { get; init; }

    /// <summary>
    /// The largest pointer to a row of the translation tables that is allocated, and the maximum number of pointers in use; the smallest
    /// pointer is 1.
    /// </summary>
    public required uint MaxPointer { get; init; }

    /// <summary>Backends are reached by port and MAC address, so backends on other nodes are not supported.</summary>
    public bool LocalBackendsOnly { get; init; }

    /// <summary>Every hash value needs a bucket, however few backends there are.</summary>
    public bool AlwaysUsesAllBuckets { get; init; }

    /// <summary>The number of buckets for a set with this many backends.</summary>
    public int BucketsFor(int backends) => backends == 0 ? 0 : AlwaysUsesAllBuckets ? MaxBuckets : Math.Min(backends, MaxBuckets);

    /// <summary>Returns the specification without the parts that the package does not support, and lists them as problems.</summary>
    public ServiceSpec Limit(ServiceSpec spec)
    {
        var problems = new List<ServiceProblem>();
        var served = new HashSet<(BackendKey, ProtocolType)>();
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

    private ServicePortSpec Limit(ServicePortSpec port, HashSet<(BackendKey, ProtocolType)> served,
        List<ServiceProblem> problems)
    {
        var subject = port.Name.Length > 0 ? $"port {port.Name}" : $"port {port.Port}/{Transport.NameOf(port.Protocol)}";
        if (port.Protocol is not (ProtocolType.Tcp or ProtocolType.Udp) && port.Frontends.Count > 0)
        {
            problems.Add(new ServiceProblem(subject, $"is not served: {Name} supports only TCP and UDP services"));
            port = port with { Frontends = [] };
        }

        var kept = port.Frontends.FirstOrDefault(f => f.Kind == FrontendKind.ClusterIP);
        foreach (var other in port.Frontends.Where(f => !ReferenceEquals(f, kept)))
        {
            problems.Add(
                new ServiceProblem(
                    $"frontend {new FrontendKey(other.Address, port.Protocol, other.Port)}",
                    $"is not served: {Name} supports only one cluster IP per port"));
        }

        if (kept is not null && port.AffinitySeconds > 0)
        {
            problems.Add(new ServiceProblem($"affinity of {subject}", $"is not applied: {Name} does not support it"));
        }

        port = port with
        {
            Frontends = kept is null ? [] : port.Frontends.Count == 1 ? port.Frontends : [kept],
            AffinitySeconds = kept is null ? port.AffinitySeconds : 0
        };
        return kept is null ? port : port with { Backends = LimitBackends(port, subject, served, problems) };
    }

    private SequenceOf<Backend> LimitBackends(
        ServicePortSpec port, string subject, HashSet<(BackendKey, ProtocolType)> served, List<ServiceProblem> problems)
    {
        var limited = new List<Backend>(port.Backends.Count);
        int elsewhere = 0, taken = 0;
        foreach (var backend in port.Backends)
        {
            var isEligible = backend.InCluster || backend.InLocal;
            var isElsewhere = isEligible && LocalBackendsOnly && backend.Place == BackendPlace.Remote;
            var isTaken = isEligible && !isElsewhere && !served.Add((backend.Key, port.Protocol));
            elsewhere += isElsewhere ? 1 : 0;
            taken += isTaken ? 1 : 0;
            limited.Add(isElsewhere || isTaken ? backend with { InCluster = false, InLocal = false } : backend);
        }

        if (elsewhere > 0)
        {
            problems.Add(
                new ServiceProblem(
                    $"backends of {subject}",
                    $"are partly unused: {elsewhere} of {port.Backends.Count} are on other nodes, and {Name} supports only this node's"));
        }

        if (taken > 0)
        {
            problems.Add(
                new ServiceProblem(
                    $"backends of {subject}",
                    $"are partly unused: another port of the service has {taken} of {port.Backends.Count}, and {Name} can translate "
                        + "a backend's replies to only one frontend"));
        }

        return elsewhere + taken == 0 ? port.Backends : [.. limited];
    }
}

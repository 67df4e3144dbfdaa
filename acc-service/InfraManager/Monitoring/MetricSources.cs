using ACCOffload.InfraManager.Cluster;
using ACCOffload.InfraManager.Conditions;
using ACCOffload.InfraManager.Felix;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.RuleCounters;
using ACCOffload.InfraManager.Security;
using ACCOffload.InfraManager.Target;

namespace ACCOffload.InfraManager.Monitoring;

/// <summary>The parts of the service whose state is exported.</summary>
/// <param name="Core">The programmer.</param>
/// <param name="Target">The target, with the drop counters.</param>
/// <param name="Conditions">The conditions of readiness.</param>
/// <param name="Counters">What rules of policy have counted.</param>
/// <param name="Trust">The certificate of the API, and the trust for scrapers.</param>
internal sealed record MetricSources(
    IProgrammer Core, ITargetView Target, ConditionSource Conditions, RuleCounterWatch Counters, TrustStore Trust)
{
    /// <summary>The cluster watch; null if there is none.</summary>
    public ClusterWatch? Watch { get; init; }

    /// <summary>The state of Felix; null if it is not the source of policy.</summary>
    public Func<FelixStatus>? Felix { get; init; }

    /// <summary>The policies, or parts of Felix's policy, that are not enforced as written.</summary>
    public int NotEnforceable => Felix?.Invoke().Problems.Count ?? Watch?.GetStatus().Policy?.NotEnforceable ?? 0;
}

using System.Collections.Immutable;
using ConditionMessage = ACCOffload.Protos.V1.Condition;

namespace ACCOffload.InfraManager.Conditions;

/// <summary>A condition for packets to pass.</summary>
/// <param name="Name">One of <see cref="ConditionNames"/>.</param>
/// <param name="Ok">Whether the condition is met.</param>
/// <param name="Reason">Why it is not met, or a remark if it is; one line.</param>
/// <param name="PreventsAdds">Every ADD fails until the condition is met; false if it is met.</param>
internal sealed record Condition(string Name, bool Ok, string Reason, bool PreventsAdds)
{
    /// <summary>
    /// Not met until the host's agent has done its part. Health is served meanwhile: a 24.01 agent waits for it before it starts.
    /// </summary>
    public bool AwaitsAgent { get; init; }

    public static Condition Met(string name, string remark = "") => new(name, true, remark, false);

    /// <summary>Not met, but pods can still be attached.</summary>
    public static Condition Unmet(string name, string reason) => new(name, false, reason, false);

    /// <summary>Not met, and no pod can be attached until it is.</summary>
    public static Condition Blocking(string name, string reason) => new(name, false, reason, true);

    /// <summary>The condition as a message of accoffload.v1.</summary>
    public ConditionMessage ToProto() => new() { Name = Name, Ok = Ok, Reason = Reason, PreventsAdds = PreventsAdds };
}

/// <summary>A snapshot of all conditions.</summary>
internal sealed record NodeConditions(ImmutableArray<Condition> All)
{
    /// <summary>All conditions are met: packets pass.</summary>
    public bool Ready => All.All(c => c.Ok);

    /// <summary>Ready, but for what the host's agent has to do.</summary>
    public bool IsServing => All.All(c => c.Ok || c.AwaitsAgent);

    /// <summary>An ADD can succeed.</summary>
    public bool CanAttach => !All.Any(c => c.PreventsAdds);

    /// <summary>The most severe unmet condition in one line; empty if all are met.</summary>
    public string Reason =>
        All.Where(c => !c.Ok).OrderByDescending(c => c.PreventsAdds).FirstOrDefault() is { } first ? $"{first.Name}: {first.Reason}" : "";
}

/// <summary>The names of the conditions, in display order.</summary>
internal static class ConditionNames
{
    public const string Store = "Store";
    public const string Target = "Target";
    public const string Pipeline = "Pipeline";
    public const string Tables = "Tables";
    public const string Ports = "Ports";
    public const string HostInterface = "HostInterface";
    public const string Uplink = "Uplink";
    public const string Node = "Node";
    public const string Watch = "Watch";
    public const string Policy = "Policy";
    public const string Certificates = "Certificates";
}

/// <summary>What the operator can do about an unmet condition.</summary>
internal static class ConditionRemedies
{
    public static string For(string name) => name switch
    {
        ConditionNames.Store => "free space on the file system of the store and check its disk; the next commit shows whether it helped",
        ConditionNames.Target => "check 'systemctl status infrap4d' (or inframanager's log for an embedded target) and the Target settings",
        ConditionNames.Pipeline => "restart the target, then inframanager; a target accepts a pipeline only once",
        ConditionNames.Ports =>
            "make sure that the port namespace exists (host-stub-ports or accoffload-ports.service) and that the target has "
            + "CAP_SYS_ADMIN and CAP_NET_RAW to enter it",
        ConditionNames.HostInterface =>
            "check 'host-stub status' on the host; set Node:HostAddresses to [] for a node without a host interface",
        ConditionNames.Uplink =>
            "run 'inframanager prepare' as root if the interface or its namespace is missing; a gateway that does not answer is down, not "
            + "on the network of Node:Uplink:Port, or not the one of Node:Uplink:Routes",
        ConditionNames.Node => "compare 'kubectl get node NAME -o yaml' with the Node settings; Node:PodRanges overrides spec.podCIDRs",
        ConditionNames.Watch => "check the route to the API server and the kubeconfig (Kubernetes:Kubeconfig)",
        ConditionNames.Policy =>
            "apply rootfs/kubernetes/rbac.yaml if a kind is forbidden; with Policy:Source felix check that Felix runs and has "
            + "'inframanager felix-driver' as its driver; with agent, restart the agent after each start of "
            + "inframanager or Felix; a target that refuses rows may be out of room, see "
            + "'inframanager ctl status'; Policy:Source off enforces nothing",
        ConditionNames.Certificates => "renew or repair the file; it is read again automatically",
        _ => "see 'journalctl --unit inframanager'",
    };
}

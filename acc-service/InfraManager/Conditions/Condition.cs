using System.Collections.Immutable;
using ConditionMessage = ACCOffload.Protos.V1.Condition;

namespace ACCOffload.InfraManager.Conditions;

/// <summary>One thing that has to hold for packets to pass.</summary>
/// <param name="Name">One of <see cref="ConditionNames"/>.</param>
/// <param name="Ok">Whether it holds.</param>
/// <param name="Reason">One line: why it does not hold, or a remark on one that does.</param>
/// <param name="PreventsAdds">Every ADD fails until it holds again; false while it holds.</param>
internal sealed record Condition(string Name, bool Ok, string Reason, bool PreventsAdds)
{
    /// <summary>It holds.</summary>
    public static Condition Met(string name, string remark = "") => new(name, true, remark, false);

    /// <summary>It does not hold, and attachments can still be made.</summary>
    public static Condition Unmet(string name, string reason) => new(name, false, reason, false);

    /// <summary>It does not hold, and no attachment can be made until it does.</summary>
    public static Condition Blocking(string name, string reason) => new(name, false, reason, true);

    /// <summary>As a message of accoffload.v1.</summary>
    public ConditionMessage ToProto() => new() { Name = Name, Ok = Ok, Reason = Reason, PreventsAdds = PreventsAdds };
}

/// <summary>All conditions as of one moment.</summary>
internal sealed record NodeConditions(ImmutableArray<Condition> All)
{
    /// <summary>Every condition holds: packets pass.</summary>
    public bool Ready => All.All(c => c.Ok);

    /// <summary>An ADD can work.</summary>
    public bool CanAttach => !All.Any(c => c.PreventsAdds);

    /// <summary>The most severe condition that does not hold, one line; empty when all hold.</summary>
    public string Reason => All.Where(c => !c.Ok).OrderByDescending(c => c.PreventsAdds).FirstOrDefault() is { } first ? $"{first.Name}: {first.Reason}" : "";
}

/// <summary>The conditions' names, in the order in which they are shown.</summary>
internal static class ConditionNames
{
    public const string Store = "Store";
    public const string Target = "Target";
    public const string Pipeline = "Pipeline";
    public const string Tables = "Tables";
    public const string Ports = "Ports";
    public const string HostInterface = "HostInterface";
    public const string Watch = "Watch";
    public const string Certificates = "Certificates";
}

/// <summary>What to do about a condition that does not hold.</summary>
internal static class ConditionRemedies
{
    /// <summary>One line for the operator.</summary>
    public static string For(string name) => name switch
    {
        ConditionNames.Store => "free space on the store's file system and check its disk: the next commit shows whether that helped",
        ConditionNames.Target => "systemctl status infrap4d, or the log of inframanager where the target is embedded; Target:* has to fit",
        ConditionNames.Pipeline => "restart the target, then inframanager; the target takes a pipeline once",
        ConditionNames.Ports => "the port namespace has to exist (host-stub-ports or accoffload-ports.service), and the target needs CAP_SYS_ADMIN and CAP_NET_RAW to enter it",
        ConditionNames.HostInterface => "'host-stub status' on the host; Node:HostAddresses is [] for a node without a host interface",
        ConditionNames.Watch => "check the way to the API server and the kubeconfig (Kubernetes:Kubeconfig)",
        ConditionNames.Certificates => "renew or repair the file; it is read again by itself",
        _ => "journalctl --unit inframanager tells why",
    };
}

namespace ACCOffload.InfraManager.Conditions;

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

using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.Target;

namespace ACCOffload.InfraManager.Configuration;

/// <summary>Compares settings, to detect changes that need a restart.</summary>
internal static class SettingsFingerprint
{
    /// <summary>All settings except the log levels as one string: if it is unchanged, no restart is needed.</summary>
    public static string Of(Settings settings)
    {
        static string List<T>(IEnumerable<T> items) => string.Join(',', items);
        var node = settings.Node;
        var api = settings.Api;
        return string.Join(
            '|',
            node.Name,
            List(node.PodRanges),
            List(node.NodeAddresses),
            List(node.HostAddresses),
            List(node.VirtualRanges),
            List(node.ExternalRanges),
            List(node.ClusterRanges),
            node.Masquerade,
            node.NodePorts,
            node.Gateway,
            node.GatewayMac,
            node.MasqueradePorts,
            node.Uplink is { } uplink ? UplinkOf(uplink) : "",
            node.Tunnel,
            node.Mtu,
            List(node.Devices.Kinds),
            List(node.Devices.Ports),
            List(node.Devices.Macs),
            node.Devices.PortRule,
            node.Devices.MaxPorts,
            node.Profile,
            node.ArpPort,
            api with { FingerprintRoles = new Dictionary<string, string>() },
            List(api.FingerprintRoles.OrderBy(e => e.Key, StringComparer.Ordinal)),
            settings.Target with { Ports = TargetPorts.None },
            settings.Target.Ports.CreatedExternally,
            List(settings.Target.Ports.Names),
            settings.SoftTarget with { ClientRoles = [] },
            List(settings.SoftTarget.ClientRoles),
            settings.Pipeline,
            settings.Store,
            settings.Control,
            settings.Limits,
            settings.Logging.Format,
            settings.Kubernetes with { Servers = [] },
            List(settings.Kubernetes.Servers),
            settings.Services,
            settings.Policy,
            settings.ArpProxy,
            List(settings.Subfunctions.OrderBy(s => s.Key, StringComparer.Ordinal)),
            settings.MetricsListen);
    }

    private static string UplinkOf(UplinkSettings uplink) =>
        $"{uplink.Port} {uplink.Mac} {string.Join(", ", uplink.Routes)} {uplink.Mtu} {string.Join(", ", uplink.Addresses)} "
        + $"{uplink.Exception} {uplink.MaxNeighbors}";
}

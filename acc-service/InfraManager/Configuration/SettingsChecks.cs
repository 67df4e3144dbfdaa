using System.Net;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.Target;
using ACCOffload.Metrics;

namespace ACCOffload.InfraManager.Configuration;

/// <summary>Checks keys against each other.</summary>
internal static class SettingsChecks
{
    /// <summary>
    /// Adds an error to the reader for each contradiction. If the reader has an error already, only the pod ranges are checked.
    /// </summary>
    public static void Check(ConfigurationReader reader, Settings settings)
    {
        var isValid = reader.Errors.Count == 0;
        CheckPodRanges(reader, settings);
        if (!isValid)
        {
            return;
        }

        CheckAddresses(reader, settings.Node);
        CheckOwnApi(reader, settings);
        CheckSoftTarget(reader, settings);
        CheckProfile(reader, settings);
        UplinkSection.Check(reader, settings);
    }

    /// <summary>Checks that no address belongs both to a pod and to something else.</summary>
    private static void CheckAddresses(ConfigurationReader reader, NodeSettings node)
    {
        foreach (var conflict in AddressConflict.Of(node))
        {
            reader.Fail(conflict.Key, conflict.Value, conflict.Reason, conflict.Remedy);
        }
    }

    private static void CheckPodRanges(ConfigurationReader reader, Settings settings)
    {
        if (settings.Node.PodRanges.Count == 0 && settings.Services.Source != ServicesSource.Watch)
        {
            reader.Fail(
                "Node:PodRanges", null, "is missing: without a watch of the cluster, the node's pods have no addresses", Remedies.Range);
        }
    }

    /// <summary>Checks that no service can take the address and port of this ACC itself.</summary>
    private static void CheckOwnApi(ConfigurationReader reader, Settings settings)
    {
        var node = settings.Node;
        var listeners = new[]
        {
            ("Api:Listen", settings.Api.Listen),
            ("Api:HealthListen", settings.Api.HealthListen),
            (MetricsListen.Key, settings.MetricsListen),
        };
        foreach (var (key, own) in listeners)
        {
            if (own is null || IPAddress.IsLoopback(own.Address))
            {
                continue;
            }

            if (node.VirtualRanges.Concat(node.ExternalRanges).Any(r => r.Contains(own.Address)))
            {
                reader.Fail(
                    key, own.ToString(), "lies in Node:VirtualRanges or Node:ExternalRanges, so that a service could take its traffic",
                    "give ranges without the ACC's own address");
            }

            if (node.NodeAddresses.Contains(own.Address) && node.NodePorts.Contains((ushort)own.Port))
            {
                reader.Fail(
                    key, own.ToString(), $"is a port within Node:NodePorts ({node.NodePorts}), so that a service could take its traffic",
                    "give a port outside that range");
            }
        }
    }

    private static void CheckSoftTarget(ConfigurationReader reader, Settings settings)
    {
        var soft = settings.SoftTarget;
        if (settings.Target.Kind == TargetKind.Embedded && !soft.Listen.StartsWith("unix:", StringComparison.Ordinal))
        {
            reader.Fail("SoftTarget:Listen", soft.Listen, "is not a unix socket, but the target is embedded", "give unix:/path");
        }

        if ((soft.CertificateFile is null) != (soft.KeyFile is null) || (soft.KeyFile is null) != (soft.CaFile is null))
        {
            reader.Fail(
                "SoftTarget:CertificateFile", soft.CertificateFile,
                "needs SoftTarget:KeyFile and SoftTarget:CaFile, and not all three are set",
                "give all three, or none for unix sockets and loopback addresses");
        }
    }

    /// <summary>Checks the profile: the packages of release 24.01 run on external targets only, and have no uplink.</summary>
    private static void CheckProfile(ConfigurationReader reader, Settings settings)
    {
        var node = settings.Node;
        if (settings.Pipeline is { Package: null, P4Info: { } info })
        {
            reader.Fail(
                "Pipeline:P4Info", info, "belongs to a package, but Pipeline:Package is not set",
                "set Pipeline:Package, or remove Pipeline:P4Info");
        }

        if (node.Profile.IsBuiltIn)
        {
            if (settings.Pipeline.Package is { } package)
            {
                reader.Fail(
                    "Pipeline:Package", package, "is a package of release 24.01, and Pipeline:Profile is k8s_dp, our own pipeline",
                    "set Pipeline:Profile to es2k-24.01 or dpdk-24.01, or remove Pipeline:Package");
            }

            return;
        }

        var name = node.Profile.Name;
        if (settings.Target.Kind == TargetKind.Embedded)
        {
            reader.Fail(
                "Pipeline:Profile", name, "is a package that the embedded target does not run",
                "set Target:Kind to external, and Target:P4Runtime and Target:Gnmi to the server's addresses");
        }

        if (node.Profile.PortRule is { } rule && node.Devices.PortRule != rule)
        {
            reader.Fail(
                "Target:PortRule", node.Devices.PortRule.ToString().ToLowerInvariant(), $"is not supported by {name}",
                $"set it to {rule.ToString().ToLowerInvariant()}");
        }

        if (node.Masquerade == MasqueradeMode.On)
        {
            reader.Fail(
                "Node:Masquerade", "on", $"does not apply to {name}, which has no uplink of its own: the host forwards",
                "remove it, and let the host masquerade");
        }

        if (node.Uplink is { } uplink)
        {
            reader.Fail(
                "Node:Uplink:Port", uplink.Port, $"does not apply to {name}, which has no uplink of its own: the host forwards",
                "remove Node:Uplink");
        }
    }
}

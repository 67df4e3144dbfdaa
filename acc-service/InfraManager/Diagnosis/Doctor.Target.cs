using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ACCOffload.Daemon;
using ACCOffload.InfraManager.Target;
using ACCOffload.NativeInterop.Pci;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;
using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Ports;
using Grpc.Core;

namespace ACCOffload.InfraManager.Diagnosis;

/// <content>The target: infrap4d or another external one, or the soft target with its ports.</content>
internal sealed partial class Doctor
{
    private const string FitsRemedy = "check 'systemctl status infrap4d', its certificates and the Target settings";

    private void External(DoctorReport report)
    {
        var target = settings.Target;
        if (new[] { target.P4Runtime, target.Gnmi }.Any(address => address.StartsWith("https:", StringComparison.Ordinal)))
        {
            report.Check("target", () => TargetCertificate(report));
        }

        report.Check("device", () => Functions(report));
        if (_running is null)
        {
            report.Check("P4Runtime", () => P4Runtime(report));
            report.Check("gNMI", () => Gnmi(report));
        }
        else if (_running.TargetState is "primary")
        {
            report.Right("target", $"{target.P4Runtime}: primary, pipeline {_running.Pipeline}");
        }
    }

    /// <summary>The function 8086:1453 that infrap4d drives from user space on an E2100. Other targets have none.</summary>
    private void Functions(DoctorReport report)
    {
        const string Driver = "vfio-pci";
        foreach (var function in new PciBus(Path.Combine(root, "sys")).Find(0x8086, 0x1453))
        {
            var address = function.Address;
            if (function.Driver == Driver)
            {
                report.Right("device", $"{address} (8086:1453): {Driver}");
            }
            else
            {
                var device = $"/sys/bus/pci/devices/{address}";
                var found = function.Driver is { } other ? $"the driver {other}" : "no driver";
                var unbind = function.Driver is null ? "" : $"echo {address} >{device}/driver/unbind; ";
                report.Wrong(
                    "device", $"{address} (8086:1453) has {found}, infrap4d needs {Driver}",
                    $"modprobe {Driver}; echo {Driver} >{device}/driver_override; {unbind}echo {address} >/sys/bus/pci/drivers_probe");
            }
        }
    }

    private void TargetCertificate(DoctorReport report)
    {
        var target = settings.Target;
        var missing = new[] { target.CertificateFile, target.KeyFile, target.CaFile }.Where(file => !File.Exists(file)).ToList();
        foreach (var file in missing)
        {
            report.Wrong("target", $"{file} does not exist", "make certs; the target must trust the same authority");
        }

        if (missing.Count > 0)
        {
            return;
        }

        try
        {
            using var own = X509Certificate2.CreateFromPemFile(target.CertificateFile, target.KeyFile);
            report.CheckExpiry("target", target.CertificateFile, own.NotAfter.ToUniversalTime(), time.GetUtcNow());
            report.CheckKeyMode("target", target.KeyFile);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            report.Wrong(
                "target", $"{target.CertificateFile} and {target.KeyFile} do not match: {ConfigurationError.OneLine(e.Message)}",
                "make certs, and copy the files of its p4rt-client/ there");
        }
    }

    private void P4Runtime(DoctorReport report)
    {
        var target = settings.Target;
        ulong? found;
        try
        {
            found = TargetProbe.GetCookieAsync(
                target.EndpointFor(target.P4Runtime), target.DeviceId, Timeout, CancellationToken.None).GetAwaiter().GetResult();
        }
        catch (P4RuntimeException e)
        {
            report.Wrong(
                "P4Runtime", $"{target.P4Runtime}: {e.Message}",
                $"start the target (systemctl start infrap4d), or set Target:P4Runtime and Target:DeviceId; {FitsRemedy}");
            return;
        }
        try
        {
            if (PipelineArtifacts.Of(settings.Pipeline, settings.Node.Profile)?.Cookie is not { } cookie)
            {
                report.Right("P4Runtime", $"{target.P4Runtime}: reached, {(found is null ? "without a pipeline yet" : "runs a pipeline")}");
            }
            else if (found == cookie)
            {
                report.Right("P4Runtime", $"{target.P4Runtime}: reached, runs {settings.Node.Profile.Name}");
            }
            else if (found is null)
            {
                report.Right("P4Runtime", $"{target.P4Runtime}: reached, without a pipeline yet: inframanager loads it when it starts");
            }
            else
            {
                report.Doubt(
                    "P4Runtime", $"{target.P4Runtime}: runs another pipeline (cookie {found:x16}, ours is {cookie:x16})",
                    "infrap4d accepts a pipeline only once: systemctl restart infrap4d before inframanager starts");
            }
        }
        catch (InvalidDataException)
        {
            // Reported as a finding of the pipeline.
            report.Right("P4Runtime", $"{target.P4Runtime}: reached");
        }
    }

    private void Gnmi(DoctorReport report)
    {
        var target = settings.Target;
        try
        {
            using var limit = new CancellationTokenSource(Timeout);
            var client = new GnmiClient(target.EndpointFor(target.Gnmi), Timeout);
            var ports = client.GetPortsAsync(limit.Token).GetAwaiter().GetResult();
            client.DisposeAsync().AsTask().GetAwaiter().GetResult();
            report.Right("gNMI", $"{target.Gnmi}: reached, {ports.Count} ports");
        }
        catch (P4RuntimeException e) when (e.Code is StatusCode.Unimplemented or StatusCode.InvalidArgument or StatusCode.NotFound)
        {
            report.Right("gNMI", $"{target.Gnmi}: reached; it does not list its ports");
        }
        catch (P4RuntimeException e)
        {
            report.Wrong(
                "gNMI", $"{target.Gnmi}: {e.Message}", $"start the target (systemctl start infrap4d), or set Target:Gnmi; {FitsRemedy}");
        }
    }

    private void Embedded(DoctorReport report)
    {
        var ports = settings.SoftTarget.PortNamespace;
        if (!File.Exists(ports))
        {
            report.Wrong(
                "target", $"{ports} does not exist", "start host-stub-ports.service or accoffload-ports.service (inframanager prepare)");
        }
        else if (settings.Node.Uplink is { } uplink && !Links(ports).Contains(uplink.Port))
        {
            report.Wrong(
                "target", $"there is no interface {uplink.Port} in {ports}",
                $"move it there (ip link set {uplink.Port} netns {Path.GetFileName(ports)}), or set Node:Uplink:Port");
        }
        else
        {
            report.Right("target", $"embedded, ports in {ports}");
        }

        if (!File.Exists(Path.Combine(root, "proc/net/packet")))
        {
            report.Wrong("kernel", "it has no packet sockets (CONFIG_PACKET)", "modprobe af_packet, or use another kernel");
        }
        else if (!File.Exists(Path.Combine(root, "proc/self/ns/net")))
        {
            report.Wrong("kernel", "it has no network namespaces (CONFIG_NET_NS)", "use another kernel");
        }
        else
        {
            report.Right("kernel", "packet sockets, network namespaces");
        }

        if (File.Exists(Path.Combine(root, "usr/lib/systemd/system/inframanager.service"))
            && !File.Exists(Path.Combine(root, "etc/systemd/system/inframanager.service.d/embedded.conf")))
        {
            report.Wrong(
                "unit", "Target:Kind is embedded, but the unit lacks the capabilities for it",
                "link /usr/share/accoffload/embedded.conf into /etc/systemd/system/inframanager.service.d/, then systemctl daemon-reload");
        }
    }

    private static HashSet<string> Links(string ports)
    {
        using var space = NetNamespace.Open(ports);
        using var links = RouteNetlink.Open(space);
        return [.. links.GetLinks().Select(link => link.Name)];
    }
}

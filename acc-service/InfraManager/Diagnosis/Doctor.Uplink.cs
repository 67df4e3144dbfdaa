using System.Globalization;
using ACCOffload.Daemon;
using ACCOffload.InfraManager.Target;

namespace ACCOffload.InfraManager.Diagnosis;

/// <content>The exception interface, on which the ACC's kernel resolves the uplink's neighbours.</content>
internal sealed partial class Doctor
{
    private void Uplink(DoctorReport report)
    {
        if (settings.Node.Uplink is not { Exception: { } exception } uplink)
        {
            return;
        }

        const string Remedy = "run 'inframanager prepare' as root (accoffload-ports.service)";
        var isEmbedded = settings.Target.Kind == TargetKind.Embedded;
        if (!File.Exists(exception.Namespace))
        {
            report.Wrong("uplink", $"{exception.Namespace} does not exist", Remedy);
        }
        else if (!Links(exception.Namespace).Contains(exception.Interface))
        {
            report.Wrong(
                "uplink", $"there is no interface {exception.Interface} in {exception.Namespace}",
                isEmbedded ? Remedy : $"make the target provide it (port {exception.Port}), or set Node:Uplink:Exception:Interface");
        }
        else
        {
            report.Right("uplink", $"{exception.Interface} in {exception.Namespace}");
        }

        Limit(report, "ipv4", uplink.MaxNeighbors);
        if (uplink.UsesIPv6)
        {
            Limit(report, "ipv6", uplink.MaxNeighbors);
        }

        if (!isEmbedded && File.Exists(Path.Combine(root, "usr/lib/systemd/system/inframanager.service"))
            && !File.Exists(Path.Combine(root, "etc/systemd/system/inframanager.service.d/uplink.conf")))
        {
            report.Wrong(
                "unit", "Node:Uplink:Addresses is set, but the unit lacks the capabilities for it",
                "link /usr/share/accoffload/uplink.conf into /etc/systemd/system/inframanager.service.d/, then systemctl daemon-reload");
        }
    }

    /// <summary>Beyond gc_thresh2, the kernel deletes neighbours that InfraManager then has to have resolved again.</summary>
    private void Limit(DoctorReport report, string family, int most)
    {
        var setting = $"net.{family}.neigh.default.gc_thresh2";
        var file = Path.Combine(root, "proc/sys", setting.Replace('.', '/'));
        if (File.Exists(file) && int.TryParse(File.ReadAllText(file), NumberStyles.Integer, CultureInfo.InvariantCulture, out var limit)
            && limit < most)
        {
            report.Doubt(
                "uplink", $"the kernel keeps {limit} neighbours ({setting}), fewer than Node:Uplink:MaxNeighbors ({most})",
                $"if the network has that many, raise {setting} and gc_thresh3 with sysctl, or lower Node:Uplink:MaxNeighbors");
        }
    }
}

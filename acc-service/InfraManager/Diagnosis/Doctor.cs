using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using ACCOffload.InfraManager.Configuration;
using ACCOffload.InfraManager.Model;
using ACCOffload.InfraManager.Control;
using ACCOffload.InfraManager.Security;
using ACCOffload.InfraManager.Store;
using ACCOffload.InfraManager.Target;
using ACCOffload.Protos.V1;
using Grpc.Core;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;

namespace ACCOffload.InfraManager.Diagnosis;

/// <summary>Looks at everything that inframanager needs, with the service running or not, and changes nothing.</summary>
/// <param name="settings">The configuration.</param>
/// <param name="time">The clock.</param>
/// <param name="root">/, or where a test has the system's files.</param>
internal sealed class Doctor(Settings settings, TimeProvider time, string root = "/")
{
    private const long LeastSpace = 64L << 20;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private GetStatusReply? _running;

    public DoctorReport Examine()
    {
        var report = new DoctorReport();
        report.Right("configuration", settings.Source);
        report.Check("service", () => Service(report));
        report.Check("clock", () => report.CheckClock(time.GetUtcNow(), File.GetLastWriteTimeUtc(Environment.ProcessPath!), Path.Combine(root, "run")));
        report.Check("certificate", () => Certificate(report));
        report.Check("API", () => Port(report, "API", settings.Api.Listen, "Api:Listen"));
        if (settings.Api.HealthListen is { } health)
            report.Check("health", () => Port(report, "health", health, "Api:HealthListen"));
        report.Check("pipeline", () => Pipeline(report));
        report.Check("store", () => Store(report));
        if (settings.Target.Kind == TargetKind.External)
            report.Check("target", () => External(report));
        else
            report.Check("target", () => Embedded(report));
        return report;
    }

    private void Service(DoctorReport report)
    {
        try
        {
            using var channel = UnixChannel.Create(settings.Control.Socket);
            _running = new Protos.V1.Control.ControlClient(channel).GetStatus(new GetStatusRequest(), deadline: DateTime.UtcNow + Patience);
        }
        catch (RpcException e)
        {
            if (e.StatusCode == StatusCode.DeadlineExceeded)
                report.Wrong("service", $"{settings.Control.Socket} does not answer within {Patience.TotalSeconds:0} s", "journalctl --unit inframanager; systemctl restart inframanager");
            else
                report.Doubt("service", $"nobody serves {settings.Control.Socket}", "systemctl start inframanager, once nothing is wrong here");
            return;
        }
        if (CommandLine.Readiness.Missing(_running) is { } missing)
            report.Wrong("service", missing, "journalctl --unit inframanager tells why");
        else
            report.Right("service", $"version {_running.Version}, ready, tables verified, {_running.Endpoints} endpoints");
    }

    private void Certificate(DoctorReport report)
    {
        var api = settings.Api;
        try
        {
            _ = new TrustStore(api, time, NullLogger.Instance);
        }
        catch (CertificateFileException e)
        {
            report.Wrong("certificate", $"{e.File}: {e.Reason}", e.Remedy);
            return;
        }
        using var leaf = X509CertificateLoader.LoadCertificateFromFile(api.CertificateFile);
        if (!CertificateRoles.Read(leaf).Contains("acc"))
            report.Doubt("certificate", $"{api.CertificateFile} does not carry the role urn:accoffload:role:acc", "host-stub refuses such a server: make certs, or make-certs --request");
        report.CheckExpiry("certificate", api.CertificateFile, leaf.NotAfter.ToUniversalTime(), time.GetUtcNow());
        report.CheckKeyMode("certificate", api.KeyFile);
    }

    private void Port(DoctorReport report, string what, IPEndPoint listen, string key)
    {
        using var socket = new Socket(listen.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(listen);
            if (_running is null)
                report.Right(what, $"{listen} is free");
            else
                report.Wrong(what, $"the service runs, and nobody listens on {listen}", "systemctl restart inframanager: it was started with another configuration");
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            if (_running is not null)
                report.Right(what, $"{listen} is served");
            else
                report.Wrong(what, $"{listen} is in use by another program", $"find it with 'ss --listening --tcp --processes', or set {key}");
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressNotAvailable)
        {
            report.Wrong(what, $"no interface has the address {listen.Address}", $"wait for the network, or set {key}");
        }
    }

    private void Pipeline(DoctorReport report)
    {
        if (settings.Node.Profile != PipelineProfile.K8sDp)
        {
            report.Right("pipeline", $"{PipelineProfiles.NameOf(settings.Node.Profile)}, which the target has loaded itself");
            return;
        }
        try
        {
            var artifacts = PipelineArtifacts.Load(settings.Pipeline.Directory);
            if (_running is { Cookie: not 0 } && _running.Cookie != artifacts.Cookie)
                report.Wrong("pipeline", $"the target has another {PipelineArtifacts.PipelineName} than {settings.Pipeline.Directory}", "systemctl restart inframanager; where the target is infrap4d, restart that before");
            else
                report.Right("pipeline", $"{settings.Pipeline.Directory}, cookie {artifacts.Cookie:x16}");
        }
        catch (InvalidDataException e)
        {
            report.Wrong("pipeline", e.Message, "install the package again, or set Pipeline:Directory");
        }
    }

    private void Store(DoctorReport report)
    {
        var path = settings.Store.Path;
        var folder = Path.GetDirectoryName(path)!;
        if (!Directory.Exists(folder))
        {
            report.Doubt("store", $"{folder} is not there yet", "the unit makes it when it starts");
            return;
        }
        var space = new DriveInfo(folder).AvailableFreeSpace;
        if (space < LeastSpace)
            report.Wrong("store", $"{folder} has {space >> 20} MiB left", $"free some: {LeastSpace >> 20} MiB are needed to hold what is acknowledged");
        if (!File.Exists(path))
        {
            report.Right("store", $"{path} is made at the first start");
            return;
        }
        try
        {
            using var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Mode = SqliteOpenMode.ReadOnly, Pooling = false }.ConnectionString);
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "PRAGMA user_version";
            var version = (long)command.ExecuteScalar()!;
            if (version > StoreSchema.Version)
                report.Wrong("store", $"{path} has schema {version}, this version knows {StoreSchema.Version}", "start the newer version again");
            else
                report.Right("store", $"{path}, schema {version}, {space >> 20} MiB left");
        }
        catch (SqliteException e)
        {
            report.Wrong("store", $"{path} can't be read: {e.Message}", "run it as root; a damaged database is moved away and rebuilt by the host's Sync");
        }
    }

    private void External(DoctorReport report)
    {
        if (_running is not null)
        {
            if (_running.TargetState is "primary")
                report.Right("target", $"{settings.Target.P4Runtime}: primary, pipeline {_running.Pipeline}");
            else
                report.Wrong("target", $"{settings.Target.P4Runtime}: {_running.TargetState} {_running.TargetReason}", "systemctl status infrap4d; its certificates and Target:* have to fit");
            return;
        }
        foreach (var (what, address) in new[] { ("P4Runtime", settings.Target.P4Runtime), ("gNMI", settings.Target.Gnmi) })
        {
            if (address.StartsWith("unix:", StringComparison.Ordinal))
            {
                if (File.Exists(address["unix:".Length..]))
                    report.Right(what, address);
                else
                    report.Wrong(what, $"{address} is not there", "start the target (systemctl start infrap4d)");
                continue;
            }
            var uri = new Uri(address);
            report.CheckReach(what, uri.Host, uri.Port, Patience, "start the target (systemctl start infrap4d), or set Target:P4Runtime and Target:Gnmi");
            foreach (var file in new[] { settings.Target.CertificateFile, settings.Target.KeyFile, settings.Target.CaFile })
            {
                if (!File.Exists(file))
                    report.Wrong(what, $"{file} is not there", "make certs; the target's side has to trust the same authority");
            }
        }
    }

    private void Embedded(DoctorReport report)
    {
        var ports = settings.SoftTarget.PortNamespace;
        if (File.Exists(ports))
            report.Right("target", $"embedded, ports in {ports}");
        else
            report.Wrong("target", $"{ports} is not there", "start host-stub-ports.service or accoffload-ports.service (inframanager prepare)");
        if (!File.Exists(Path.Combine(root, "proc/net/packet")))
            report.Wrong("kernel", "it has no packet sockets (CONFIG_PACKET)", "modprobe af_packet, or another kernel");
        else
            report.Right("kernel", "packet sockets, network namespaces");
        if (File.Exists(Path.Combine(root, "usr/lib/systemd/system/inframanager.service"))
            && !File.Exists(Path.Combine(root, "etc/systemd/system/inframanager.service.d/embedded.conf")))
        {
            report.Wrong(
                "unit", "Target:Kind is embedded, and the unit has no capability for that",
                "link /usr/share/accoffload/embedded.conf into /etc/systemd/system/inframanager.service.d/, then systemctl daemon-reload");
        }
    }
}

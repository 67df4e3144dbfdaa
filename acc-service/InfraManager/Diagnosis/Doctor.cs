using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using ACCOffload.Daemon;
using ACCOffload.InfraManager.Cluster.Connection;
using ACCOffload.InfraManager.Conditions;
using ACCOffload.InfraManager.Configuration;
using ACCOffload.InfraManager.ControlProtocol;
using ACCOffload.InfraManager.Security;
using ACCOffload.InfraManager.Store;
using ACCOffload.InfraManager.Target;
using ACCOffload.Protos.V1;
using Grpc.Core;
using Microsoft.Extensions.Logging.Abstractions;

namespace ACCOffload.InfraManager.Diagnosis;

/// <summary>Checks everything that inframanager needs, whether the service runs or not, and changes nothing.</summary>
/// <param name="settings">The configuration.</param>
/// <param name="time">The clock.</param>
/// <param name="root">The root of the file system; another directory in tests.</param>
internal sealed partial class Doctor(Settings settings, TimeProvider time, string root = "/")
{
    private const long MinFreeBytes = 64L << 20;
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(2);

    private GetStatusReply? _running;
    private bool _isSilent;

    public DoctorReport Examine()
    {
        var report = new DoctorReport();
        report.Right("configuration", settings.Source);
        report.Check("service", () => Service(report));
        report.Check(
            "clock",
            () => report.CheckClock(time.GetUtcNow(), File.GetLastWriteTimeUtc(Environment.ProcessPath!), Path.Combine(root, "run")));
        report.Check("certificate", () => Certificate(report));
        report.Check("API", () => Port(report, "API", settings.Api.Listen, "Api:Listen"));
        if (settings.Api.HealthListen is { } health)
        {
            report.Check("health", () => Health(report, health));
        }

        report.Check("pipeline", () => Pipeline(report));
        report.Check("store", () => Store(report));
        if (settings.Services.Source == ServicesSource.Watch)
        {
            report.Check("cluster", () => Cluster(report));
        }

        if (settings.Target.Kind == TargetKind.External)
        {
            report.Check("target", () => External(report));
        }
        else
        {
            report.Check("target", () => Embedded(report));
        }

        report.Check("uplink", () => Uplink(report));

        return report;
    }

    private void Service(DoctorReport report)
    {
        try
        {
            using var channel = UnixChannel.Create(settings.Control.Socket);
            _running = new Protos.V1.Control.ControlClient(channel).GetStatus(new GetStatusRequest(), deadline: DateTime.UtcNow + Timeout);
        }
        catch (RpcException e)
        {
            if (e.StatusCode == StatusCode.DeadlineExceeded)
            {
                _isSilent = true;
                report.Wrong(
                    "service", $"{settings.Control.Socket} does not answer within {Timeout.TotalSeconds:0} s",
                    "journalctl --unit inframanager; systemctl restart inframanager");
            }
            else
            {
                report.Doubt(
                    "service", $"inframanager does not serve {settings.Control.Socket}",
                    "fix the problems in this report, then systemctl start inframanager");
            }

            return;
        }
        if (_running.Ready)
        {
            report.Right("service", $"version {_running.Version}, ready, tables verified, {_running.Endpoints} endpoints");
        }

        foreach (var condition in _running.Conditions.Where(c => !c.Ok))
        {
            report.Wrong(
                "service", $"{condition.Name}: {condition.Reason}{(condition.PreventsAdds ? " (no pod can be attached)" : "")}",
                ConditionRemedies.For(condition.Name));
        }

        foreach (var notice in _running.Notices)
        {
            report.Doubt("service", notice, "docs/troubleshooting.md, Conditions");
        }
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
        if (!CertificateRoles.Read(leaf).Contains(CertificateRoles.Acc))
        {
            report.Doubt(
                "certificate", $"{api.CertificateFile} does not carry the role {CertificateRoles.Prefix}{CertificateRoles.Acc}",
                "host-stub refuses such a server: make certs, or make-certs --request");
        }

        report.CheckExpiry("certificate", api.CertificateFile, leaf.NotAfter.ToUniversalTime(), time.GetUtcNow());
        report.CheckKeyMode("certificate", api.KeyFile);
    }

    private void Health(DoctorReport report, IPEndPoint listen)
    {
        if (AgentHealthPort.IsExpected(settings.Api))
        {
            report.Wrong(
                "health",
                $"{listen} clashes with the health check of 24.01's agent on this machine, which has port {AgentHealthPort.Number} of "
                    + "all addresses: the one that starts later fails",
                AgentHealthPort.Remedy);
            return;
        }

        Port(report, "health", listen, "Api:HealthListen");
    }

    private void Port(DoctorReport report, string what, IPEndPoint listen, string key)
    {
        using var socket = new Socket(listen.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(listen);
            if (_running is null)
            {
                report.Right(what, $"{listen} is free");
            }
            else
            {
                report.Wrong(
                    what, $"the service is running but does not listen on {listen}",
                    "systemctl restart inframanager: it was started with another configuration");
            }
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            if (_running is not null)
            {
                report.Right(what, $"{listen} is served");
            }
            else if (_isSilent)
            {
                report.Doubt(what, $"{listen} is in use, probably by the service, which does not answer", "see the line 'service'");
            }
            else
            {
                // On a host that has been migrated, its agent is what has this port.
                var agent = listen.Port == AgentHealthPort.Number ? "; 24.01's agent serves its health check there" : "";
                report.Wrong(
                    what, $"{listen} is in use by another program{agent}",
                    $"find it with 'ss --listening --tcp --processes', or set {key}");
            }
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressNotAvailable)
        {
            report.Wrong(what, $"no interface has the address {listen.Address}", $"wait for the network, or set {key}");
        }
    }

    private void Pipeline(DoctorReport report)
    {
        var name = settings.Node.Profile.Name;
        var place = settings.Pipeline.Package ?? settings.Pipeline.Directory;
        try
        {
            if (PipelineArtifacts.Of(settings.Pipeline, settings.Node.Profile) is not { } artifacts)
            {
                report.Right("pipeline", $"{name}, which the target has loaded itself");
            }
            else if (_running is { Cookie: not 0 } && _running.Cookie != artifacts.Cookie)
            {
                report.Wrong(
                    "pipeline", $"the {name} on the target differs from the one in {place}",
                    "systemctl restart inframanager; if the target is infrap4d, restart it first");
            }
            else
            {
                report.Right("pipeline", $"{place}, cookie {artifacts.Cookie:x16}");
            }
        }
        catch (InvalidDataException e)
        {
            report.Wrong(
                "pipeline", e.Message,
                settings.Pipeline.Package is null
                    ? "install the package again, or set Pipeline:Directory"
                    : "set Pipeline:Package and Pipeline:P4Info");
        }
    }

    private void Cluster(DoctorReport report)
    {
        const string Remedy = "create a kubeconfig with rootfs/kubernetes/make-kubeconfig";
        var file = settings.Kubernetes.Kubeconfig;
        if (!File.Exists(file))
        {
            report.Right("cluster", $"{file} does not exist: services are not watched; to watch those of a cluster, {Remedy}");
            return;
        }
        try
        {
            var kubeconfig = KubeconfigReader.Read(file, settings.Kubernetes.Context, settings.Kubernetes.Servers);
            report.CheckKeyMode("cluster", file);
            foreach (var server in kubeconfig.Servers)
            {
                report.CheckReach(
                    "cluster", server.Host, server.Port, Timeout,
                    $"check the route to the API server, and the address in {file} or Kubernetes:Servers, which must not be a cluster IP");
            }
        }
        catch (KubeconfigException e)
        {
            report.Wrong("cluster", ConfigurationError.OneLine(e.Message), Remedy);
        }
    }

    private void Store(DoctorReport report)
    {
        var path = settings.Store.Path;
        var folder = Path.GetDirectoryName(path)!;
        if (!Directory.Exists(folder))
        {
            report.Doubt("store", $"{folder} does not exist yet", "the unit creates it when it starts");
            return;
        }
        var space = new DriveInfo(folder).AvailableFreeSpace;
        if (space < MinFreeBytes)
        {
            report.Wrong(
                "store", $"{folder} has {space >> 20} MiB left",
                $"free some space: {MinFreeBytes >> 20} MiB are needed to store acknowledged requests");
        }

        if (_running is not null)
        {
            // The service has locked the database and reports its state as the condition Store.
            if (_running.Conditions.All(c => c.Ok || c.Name != ConditionNames.Store))
            {
                report.Right("store", $"{path}, in use by the running service, {space >> 20} MiB left");
            }

            return;
        }
        if (!File.Exists(path))
        {
            report.Right("store", $"{path} is created at the first start");
            return;
        }
        switch (StoreProbe.Look(path))
        {
            case { Failure: StoreFailure.InUse }:
                report.Doubt(
                    "store", $"{path} is in use by another process, so it was not checked",
                    $"find it with 'fuser {path}'; the database itself is not at fault");
                break;
            case { Failure: StoreFailure.Corrupt } damaged:
                report.Wrong("store", damaged.Detail, "restore a backup, or move it away: it is filled again by the host's Sync");
                break;
            case { Failure: not null } unreadable:
                report.Wrong("store", unreadable.Detail, "run doctor as root, and check the file's permissions and its disk");
                break;
            case { Version: var version } when version > StoreSchema.Version:
                report.Wrong(
                    "store", $"{path} has schema {version}; this version supports {StoreSchema.Version}", "start the newer version again");
                break;
            case { Version: var version }:
                report.Right("store", $"{path}, schema {version}, {space >> 20} MiB left");
                break;
        }
    }
}

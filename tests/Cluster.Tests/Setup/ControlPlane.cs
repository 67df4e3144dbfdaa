using ACCOffload.TestKit.Processes;

namespace ACCOffload.Cluster.Tests.Setup;

/// <summary>etcd, API server, controller manager and scheduler, as processes in the control plane's network namespace.</summary>
internal sealed class ControlPlane : IAsyncDisposable
{
    public const string ServiceRange = "10.96.0.0/12";

    private readonly string _folder;
    private readonly string _netns;
    private readonly List<BackgroundProcess> _others = [];
    private BackgroundProcess? _apiServer;

    private ControlPlane(string folder, ClusterNetwork network, Kubectl kubectl)
    {
        _folder = folder;
        _netns = network.ControlNamespace;
        Kubectl = kubectl;
    }

    public Kubectl Kubectl { get; }

    /// <param name="folder">Where the certificates, logs and data go.</param>
    /// <param name="network">The network.</param>
    /// <param name="nodes">The names of the nodes that may join.</param>
    public static async Task<ControlPlane> StartAsync(string folder, ClusterNetwork network, IEnumerable<string> nodes)
    {
        var pki = Directory.CreateDirectory(Path.Combine(folder, "pki")).FullName;
        Directory.CreateDirectory(Path.Combine(folder, "logs"));
        await Shell.RunAsync(null, Repository.At("tests/Cluster.Tests/Setup/make-certificates"),
            [pki, ClusterNetwork.Control, ClusterNetwork.ControlManagement, .. nodes], limit: TimeSpan.FromMinutes(3)).Succeeded();
        var plane = new ControlPlane(folder, network, new Kubectl(network.ControlNamespace, Path.Combine(pki, "admin.kubeconfig")));
        try
        {
            plane._others.Add(plane.Start("etcd",
            [
                "--data-dir", Path.Combine(folder, "etcd"), "--listen-client-urls", "http://127.0.0.1:2379", "--advertise-client-urls",
                "http://127.0.0.1:2379", "--listen-peer-urls", "http://127.0.0.1:2380", "--unsafe-no-fsync",
            ]));
            await plane.StartApiServerAsync();
            plane._others.Add(plane.Start("kube-controller-manager",
            [
                .. plane.Client("controller-manager"), "--allocate-node-cidrs=true", "--cluster-cidr=10.244.0.0/16",
                $"--service-cluster-ip-range={ServiceRange}", $"--root-ca-file={plane.Pki("ca.crt")}",
                $"--service-account-private-key-file={plane.Pki("service-account.key")}", "--use-service-account-credentials=true",
                $"--cluster-signing-cert-file={plane.Pki("ca.crt")}", $"--cluster-signing-key-file={plane.Pki("ca.key")}",
            ]));
            plane._others.Add(plane.Start("kube-scheduler", plane.Client("scheduler")));
            return plane;
        }
        catch
        {
            await plane.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts the API server, also after <see cref="StopApiServerAsync"/>, and waits until it is ready.</summary>
    public async Task StartApiServerAsync()
    {
        _apiServer = Start("kube-apiserver",
        [
            "--etcd-servers=http://127.0.0.1:2379", $"--service-cluster-ip-range={ServiceRange}", $"--client-ca-file={Pki("ca.crt")}",
            $"--advertise-address={ClusterNetwork.Control}", "--authorization-mode=Node,RBAC", "--allow-privileged=true",
            "--enable-admission-plugins=NodeRestriction", "--kubelet-preferred-address-types=InternalIP",
            $"--tls-cert-file={Pki("apiserver.crt")}", $"--tls-private-key-file={Pki("apiserver.key")}",
            $"--kubelet-client-certificate={Pki("kubelet-client.crt")}", $"--kubelet-client-key={Pki("kubelet-client.key")}",
            $"--service-account-key-file={Pki("service-account.pub")}",
            $"--service-account-signing-key-file={Pki("service-account.key")}",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            $"--requestheader-client-ca-file={Pki("front-proxy-ca.crt")}", "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-", "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-username-headers=X-Remote-User",
            $"--proxy-client-cert-file={Pki("front-proxy-client.crt")}", $"--proxy-client-key-file={Pki("front-proxy-client.key")}",
        ]);
        await Eventually.TrueAsync(async () => (await Kubectl.TryAsync("get --raw /readyz")).ExitCode == 0,
            () => $"the API server is ready; the end of its log:\n{Tail("kube-apiserver")}", seconds: 180);
    }

    /// <summary>Ends the API server without a farewell to its clients.</summary>
    public async Task StopApiServerAsync()
    {
        await _apiServer!.KillAsync();
        await _apiServer.DisposeAsync();
        _apiServer = null;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in _others.Append(_apiServer).Reverse().OfType<BackgroundProcess>())
        {
            await process.DisposeAsync();
        }
    }

    private string Pki(string name) => Path.Combine(_folder, "pki", name);

    private string Log(string program) => Path.Combine(_folder, "logs", $"{program}.log");

    private string Tail(string program) => File.Exists(Log(program)) ? string.Join('\n', File.ReadAllLines(Log(program)).TakeLast(20)) : "";

    private BackgroundProcess Start(string program, string[] arguments) =>
        LoggedProcess.Start(_netns, Log(program), KubernetesFolder.Program(program), arguments);

    private string[] Client(string name) =>
    [
        $"--kubeconfig={Pki($"{name}.kubeconfig")}", $"--authentication-kubeconfig={Pki($"{name}.kubeconfig")}",
        $"--authorization-kubeconfig={Pki($"{name}.kubeconfig")}", "--leader-elect=false",
    ];
}

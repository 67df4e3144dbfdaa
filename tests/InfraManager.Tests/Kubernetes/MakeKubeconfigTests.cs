using System.Diagnostics;
using ACCOffload.InfraManager.Cluster.Connection;
using ACCOffload.TestKit.Certificates;

namespace ACCOffload.InfraManager.Tests.Kubernetes;

public sealed class MakeKubeconfigTests : IDisposable
{
    private readonly Folder _folder = new();
    private readonly string _script = Path.Combine(Repository.Root, "rootfs/kubernetes/make-kubeconfig");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task The_service_can_read_what_the_script_writes()
    {
        using var pki = new TestPki(DateTimeOffset.UtcNow);
        var ca = _folder.Write("ca.crt", pki.Authority.ExportCertificatePem());
        var @out = _folder.At("kubeconfig");
        var (code, error) = await RunAsync(
            "--server", "https://192.0.2.1:6443", "--out", @out, "--ca", ca, "--tls-server-name", "kubernetes", "--kubectl", Kubectl());
        Assert.True(code == 0, error);
        var config = KubeconfigReader.Read(@out, "", []);
        Assert.Equal("https://192.0.2.1:6443/", config.Servers.Single().ToString());
        Assert.Equal("signed-token", config.Token);
        Assert.Equal("kubernetes", config.TlsServerName);
        Assert.Equal(pki.Authority.Thumbprint, config.Authorities!.Single().Thumbprint);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(@out));
        var calls = await File.ReadAllTextAsync(_folder.At("calls"));
        Assert.Contains($"apply -f {Path.Combine(Repository.Root, "rootfs/kubernetes/rbac.yaml")}", calls, StringComparison.Ordinal);
        Assert.Contains("create token accoffload-inframanager --namespace kube-system --duration 8760h", calls, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_missing_argument_is_reported_and_nothing_is_written()
    {
        var @out = _folder.At("kubeconfig");
        Assert.Equal(
            (1, "make-kubeconfig: --server is missing: the API server's real address, such as https://192.0.2.1:6443\n"),
            await RunAsync("--out", @out));
        Assert.Equal(
            (1, "make-kubeconfig: --server http://x is not an https address\n"), await RunAsync("--server", "http://x", "--out", @out));
        Assert.Equal((1, "make-kubeconfig: --out needs a value; see --help\n"), await RunAsync("--out"));
        var (_, error) = await RunAsync("--server", "https://x", "--out", @out, "--kubectl", "/nonexistent/kubectl");
        Assert.Contains("is not on PATH", error, StringComparison.Ordinal);
        Assert.False(File.Exists(@out));
    }

    [Fact]
    public void The_cluster_role_allows_only_the_watches_and_writing_events()
    {
        var role = File.ReadAllText(Path.Combine(Repository.Root, "rootfs/kubernetes/rbac.yaml")).Split("---").Select(YamlTree.Parse)
            .Cast<Dictionary<string, object?>>().Single(d => (string)d["kind"]! == "ClusterRole");
        var rules = ((List<object?>)role["rules"]!).Cast<Dictionary<string, object?>>().ToList();
        Assert.Equal(
            ["services list watch", "discovery.k8s.io endpointslices list watch", "nodes list watch",
                "networking.k8s.io servicecidrs list watch", "networking.k8s.io networkpolicies list watch",
                "policy.networking.k8s.io clusternetworkpolicies list watch", "namespaces pods list watch",
                "events.k8s.io events create patch"],
            rules.Select(r => string.Join(' ', new[] { "apiGroups", "resources", "verbs" }.SelectMany(f => (List<object?>)r[f]!)).Trim()));
    }

    /// <summary>A stand-in for kubectl, since the test has no cluster.</summary>
    private string Kubectl()
    {
        var file = _folder.Write("kubectl", $"""
            #!/bin/sh
            echo "$@" >> {_folder.At("calls")}
            case "$1 $2" in "create token") echo signed-token ;; esac
            """);
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return file;
    }

    private async Task<(int Code, string Error)> RunAsync(params string[] arguments)
    {
        using var process =
            Process.Start(new ProcessStartInfo(_script, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        var output = process.StandardOutput.ReadToEndAsync(limit.Token);
        var error = await process.StandardError.ReadToEndAsync(limit.Token);
        await output;
        await process.WaitForExitAsync(limit.Token);
        return (process.ExitCode, error);
    }
}

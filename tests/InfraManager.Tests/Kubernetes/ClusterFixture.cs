using System.Security.Cryptography.X509Certificates;
using System.Text;
using ACCOffload.InfraManager.Cluster.Connection;
using ACCOffload.TestKit.Certificates;
using ACCOffload.TestKit.Cluster;
using ACCOffload.TestKit.Logging;

namespace ACCOffload.InfraManager.Tests.Kubernetes;

/// <summary>A fake API server, a kubeconfig for it, and short timeouts.</summary>
internal sealed class ClusterFixture : IAsyncDisposable
{
    public const string Token = KubeconfigText.Token;

    private ClusterFixture(FakeApiServer server, TestPki pki)
    {
        Server = server;
        Pki = pki;
        Kubeconfig = Files.Write("kubeconfig", Config(server.Address));
    }

    public FakeApiServer Server { get; }

    public TestPki Pki { get; }

    public Folder Files { get; } = new();

    public string Kubeconfig { get; }

    public LogCollector Log { get; } = new();

    public KubernetesSettings Settings => new(Kubeconfig, "", []);

    public ApiServerOptions Options { get; init; } = new()
    {
        PageSize = 3,
        BackoffMin = TimeSpan.FromMilliseconds(5),
        BackoffMax = TimeSpan.FromMilliseconds(50),
    };

    public static async Task<ClusterFixture> StartAsync()
    {
        var pki = new TestPki(DateTimeOffset.UtcNow);
        return new ClusterFixture(await FakeApiServer.StartAsync(pki.IssueServer()), pki);
    }

    public static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));

    public static string KeyPem(X509Certificate2 certificate)
    {
        using var key = certificate.GetECDsaPrivateKey()!;
        return key.ExportPkcs8PrivateKeyPem();
    }

    public string Config(string server, string user = $"token: {Token}", string cluster = "") =>
        KubeconfigText.Of(server, Pki.Authority, user, cluster);

    public ApiServerClient NewClient(KubernetesSettings? settings = null, ApiServerOptions? options = null) =>
        new(settings ?? Settings, options ?? Options, TimeProvider.System, Log.CreateLogger("Kubernetes"));

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        Pki.Dispose();
        Files.Dispose();
    }
}

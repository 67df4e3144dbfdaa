using System.Net;
using ACCOffload.InfraManager.Cluster.Connection;
using ACCOffload.InfraManager.Cluster.Objects;
using ACCOffload.TestKit.Certificates;
using ACCOffload.TestKit.Cluster;
using Microsoft.AspNetCore.Http;

namespace ACCOffload.InfraManager.Tests.Kubernetes;

public sealed class ApiServerClientTests : IAsyncLifetime
{
    private const string Path = "/api/v1/services?limit=5";

    private ClusterFixture _cluster = null!;

    private FakeApiServer Server => _cluster.Server;

    public async ValueTask InitializeAsync() => _cluster = await ClusterFixture.StartAsync();

    public async ValueTask DisposeAsync() => await _cluster.DisposeAsync();

    [Fact]
    public async Task A_token_is_sent()
    {
        Server.Allows = HasToken(ClusterFixture.Token);
        using var client = _cluster.NewClient();
        using var response = await client.GetAsync(Path, CancellationToken.None);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(HttpVersion.Version20, response.Version);
    }

    [Fact]
    public async Task A_renewed_token_file_is_used_by_the_next_request_and_an_empty_one_is_ignored()
    {
        var file = _cluster.Files.Write("token", "first\n");
        _cluster.Files.Write("kubeconfig", _cluster.Config(Server.Address, "tokenFile: token"));
        using var client = _cluster.NewClient();
        Server.Allows = HasToken("first");
        (await client.GetAsync(Path, CancellationToken.None)).Dispose();
        await File.WriteAllTextAsync(file, "second\n");
        Server.Allows = HasToken("second");
        (await client.GetAsync(Path, CancellationToken.None)).Dispose();
        await File.WriteAllTextAsync(file, "");
        (await client.GetAsync(Path, CancellationToken.None)).Dispose();
        Assert.Contains(_cluster.Log.Lines, l => l.Contains("contains no token", StringComparison.Ordinal));
        Server.Allows = HasToken("third");
        var e = await Assert.ThrowsAsync<ApiException>(() => client.GetAsync(Path, CancellationToken.None));
        Assert.Equal(401, e.Code);
    }

    [Fact]
    public async Task A_client_certificate_is_sent_and_a_renewed_one_replaces_it()
    {
        using var first = _cluster.Pki.Issue("CN=accoffload", [], TestPki.ClientAuthentication);
        using var second = _cluster.Pki.Issue("CN=accoffload", [], TestPki.ClientAuthentication);
        _cluster.Files.Write("tls.crt", first.ExportCertificatePem());
        _cluster.Files.Write("tls.key", ClusterFixture.KeyPem(first));
        _cluster.Files.Write("kubeconfig", _cluster.Config(Server.Address, "client-certificate: tls.crt\n    client-key: ./tls.key"));
        using var client = _cluster.NewClient();
        Server.Allows = c => c.Connection.ClientCertificate?.Thumbprint == first.Thumbprint;
        (await client.GetAsync(Path, CancellationToken.None)).Dispose();
        _cluster.Files.Write("tls.crt", second.ExportCertificatePem());
        _cluster.Files.Write("tls.key", ClusterFixture.KeyPem(second));
        Server.Allows = c => c.Connection.ClientCertificate?.Thumbprint == second.Thumbprint;
        (await client.GetAsync(Path, CancellationToken.None)).Dispose();
    }

    [Fact]
    public async Task A_server_certificate_of_another_CA_is_rejected()
    {
        using var other = new TestPki(DateTimeOffset.UtcNow, "CN=Another CA");
        await using var server = await FakeApiServer.StartAsync(other.IssueServer());
        _cluster.Files.Write("kubeconfig", _cluster.Config(server.Address));
        using var client = _cluster.NewClient();
        var e = await Assert.ThrowsAsync<HttpRequestException>(() => client.GetAsync(Path, CancellationToken.None));
        Assert.StartsWith("the TLS handshake with the API server failed", ApiServerClient.Describe(e), StringComparison.Ordinal);
        Assert.Empty(server.Requests);
    }

    [Fact]
    public async Task The_server_name_is_verified_and_may_differ_from_the_address()
    {
        _cluster.Files.Write("kubeconfig", _cluster.Config(Server.Address, cluster: "tls-server-name: accoffload-acc"));
        using (var client = _cluster.NewClient())
        {
            (await client.GetAsync(Path, CancellationToken.None)).Dispose();
        }

        _cluster.Files.Write("kubeconfig", _cluster.Config(Server.Address, cluster: "tls-server-name: kubernetes"));
        using (var client = _cluster.NewClient())
        {
            var e = await Assert.ThrowsAsync<HttpRequestException>(() => client.GetAsync(Path, CancellationToken.None));
            Assert.Contains("RemoteCertificateNameMismatch", ApiServerClient.Describe(e), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task When_a_server_fails_the_next_one_is_used()
    {
        await using var second = await FakeApiServer.StartAsync(_cluster.Pki.IssueServer());
        var dead = new Uri("https://127.0.0.1:1/");
        Uri[] servers = [dead, new(Server.Address + "/"), new(second.Address + "/")];
        using var client = _cluster.NewClient(_cluster.Settings with { Servers = servers });
        var e = await Assert.ThrowsAsync<HttpRequestException>(() => client.GetAsync(Path, CancellationToken.None));
        Assert.Contains("cannot be reached", ApiServerClient.Describe(e), StringComparison.Ordinal);
        (await client.GetAsync(Path, CancellationToken.None)).Dispose();
        (await client.GetAsync(Path, CancellationToken.None)).Dispose();
        Assert.Equal(2, Server.Requests.Count);
        Server.Intercept = async c =>
        {
            await FakeApiServer.FailAsync(c, 503, "ServiceUnavailable", "leaving");
            return true;
        };
        await Assert.ThrowsAsync<ApiException>(() => client.GetAsync(Path, CancellationToken.None));
        (await client.GetAsync(Path, CancellationToken.None)).Dispose();
        Assert.Single(second.Requests);
    }

    [Fact]
    public async Task A_missing_kubeconfig_is_reported_and_read_once_it_appears()
    {
        File.Delete(_cluster.Kubeconfig);
        using var client = _cluster.NewClient();
        var e = await Assert.ThrowsAsync<KubeconfigException>(() => client.GetAsync(Path, CancellationToken.None));
        Assert.Equal(
            $"{_cluster.Kubeconfig}: no such file; create one with rootfs/kubernetes/make-kubeconfig, or correct Kubernetes:Kubeconfig",
            e.Message);
        _cluster.Files.Write("kubeconfig", _cluster.Config(Server.Address));
        (await client.GetAsync(Path, CancellationToken.None)).Dispose();
    }

    [Fact]
    public async Task An_html_error_of_a_proxy_is_reported_by_its_status_code()
    {
        Server.Intercept = async c =>
        {
            await FakeApiServer.WriteAsync(c, 502, "<html>" + new string('x', 100_000));
            return true;
        };
        using var client = _cluster.NewClient();
        var e = await Assert.ThrowsAsync<ApiException>(() => client.GetAsync(Path, CancellationToken.None));
        Assert.Equal("the API server answered 502 BadGateway: no message", e.Message);
    }

    [Fact]
    public async Task Retry_after_is_read_and_bounded()
    {
        Server.Intercept = async c =>
        {
            c.Response.Headers.RetryAfter = "7";
            await FakeApiServer.FailAsync(c, 429, "TooManyRequests", "slowly");
            return true;
        };
        using var client = _cluster.NewClient();
        var e = await Assert.ThrowsAsync<ApiException>(() => client.GetAsync(Path, CancellationToken.None));
        Assert.Equal(TimeSpan.FromSeconds(7), e.RetryAfter);
        var status = new StatusDocument(null, null, 429, new StatusDetailsDocument(int.MaxValue));
        Assert.Equal(TimeSpan.FromMinutes(5), ApiException.FromStatus(status, 429).RetryAfter);
    }

    private static Func<HttpContext, bool> HasToken(string token) => c => c.Request.Headers.Authorization == "Bearer " + token;
}

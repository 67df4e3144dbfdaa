using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ACCOffload.InfraManager.TestKit;
using ACCOffload.InfraManager.Tests.Fixtures;
using ACCOffload.Protos.V1;
using ACCOffload.TestKit.Certificates;
using Grpc.Core;
using Grpc.Health.V1;
using Grpc.Net.Client;

namespace ACCOffload.InfraManager.Tests.Security;

/// <summary>
/// Which clients the mutual TLS port accepts. In TLS 1.3 a client's handshake ends before the server has verified its certificate, so the
/// tests check that no request reaches the core.
/// </summary>
public sealed class TlsMatrixTests
{
    public enum Client
    {
        NoCertificate,
        Corrupt,
        Expired,
        NotYetValid,
        ForeignAuthority,
        ForeignAuthorityOfTheSameName,
        SelfSigned,
        ServerRole,
        TargetRole,
        NoRole,
        TwoRoles,
        BadNode,
        KeyUsage,
        Revoked,
        Tls12,
        Authority,
    }

    [Theory]
    [InlineData(Client.NoCertificate, "it presented no certificate")]
    [InlineData(Client.Corrupt, "the certificate's ")]
    [InlineData(Client.Expired, "the certificate expired on")]
    [InlineData(Client.NotYetValid, "the certificate is not valid before")]
    [InlineData(Client.ForeignAuthority, "is not trusted by Api:CaFile")]
    [InlineData(Client.ForeignAuthorityOfTheSameName, "the certificate's ")]
    [InlineData(Client.SelfSigned, "is not trusted by Api:CaFile")]
    [InlineData(Client.ServerRole, "is not for client authentication")]
    [InlineData(Client.TargetRole, "the role p4rt-client may not use this API")]
    [InlineData(Client.NoRole, "has no role in its subject alternative names")]
    [InlineData(Client.TwoRoles, "has more than one role")]
    [InlineData(Client.BadNode, "does not name a valid node")]
    [InlineData(Client.KeyUsage, "key usage does not allow signatures")]
    [InlineData(Client.Revoked, "the certificate is revoked")]
    [InlineData(Client.Tls12, "it does not offer TLS 1.3")]
    [InlineData(Client.Authority, "key usage does not allow signatures")]
    public async Task Other_clients_are_refused(Client client, string reason)
    {
        await using var api = await ApiFixture.StartAsync(revocation: true);
        using var certificate = Make(api, client);
#pragma warning disable CA5397, CA5398 // The old version is under test.
        var protocols = client == Client.Tls12 ? SslProtocols.Tls12 : SslProtocols.None;
#pragma warning restore CA5397, CA5398

        for (var i = 0; i < 3; i++)
        {
            using var channel = api.Connect(certificate, protocols);
            await AssertRefusedAsync(channel);
        }

        Assert.Empty(api.Core.Intents);
        await Eventually.TrueAsync(() => api.Log.Matching("Refused").Any(), "the refusal is reported");
        var told = string.Join('\n', api.Log.Matching("Refused"));
        Assert.DoesNotContain('\n', told);
        Assert.Contains(reason, told, StringComparison.Ordinal);
        Assert.Contains("127.0.0.1", told, StringComparison.Ordinal);
        Assert.Equal(0, api.Server.Connections);
    }

    [Fact]
    public async Task A_host_with_the_role_is_served_over_tls_13()
    {
        await using var api = await ApiFixture.StartAsync(revocation: true);
        using var certificate = api.Pki.IssueHost();
        using var channel = api.Connect(certificate);
        var status = await new Offload.OffloadClient(channel).StatusAsync(new StatusRequest());
        Assert.True(status.Ready);
        Assert.Equal(HealthCheckResponse.Types.ServingStatus.Serving,
            (await new Health.HealthClient(channel).CheckAsync(new HealthCheckRequest())).Status);
        Assert.Equal([], api.Log.Matching("Refused"));
    }

    [Fact]
    public async Task A_fingerprint_assigns_a_role_to_a_certificate_without_one()
    {
        await using var api = await ApiFixture.StartAsync();
        using var certificate = api.Pki.Issue("CN=agent-24.01", [], TestPki.ClientAuthentication);
        await using var mapped = await ApiFixture.StartAsync(change: settings => settings with
        {
            CaFile = api.Folder.At("ca.crt"),
            FingerprintRoles = new Dictionary<string, string> { [certificate.GetCertHashString(HashAlgorithmName.SHA256)] = "node-1" },
        });
        using var refused = api.Connect(certificate);
        await AssertRefusedAsync(refused);
        using var served = mapped.Connect(certificate);
        Assert.True((await new Offload.OffloadClient(served).StatusAsync(new StatusRequest())).Ready);
    }

    [Fact]
    public async Task The_host_of_another_node_is_denied_every_call()
    {
        await using var api = await ApiFixture.StartAsync();
        using var certificate = api.Pki.IssueHost("node-2");
        using var channel = api.Connect(certificate);
        var offload = new Offload.OffloadClient(channel);
        var agent = new Protos.Infra.InfraAgent.InfraAgentClient(channel);
        Func<Task>[] calls =
        [
            async () => await offload.AttachAsync(Requests.Attach()),
            async () => await offload.DetachAsync(new DetachRequest { Key = Requests.Attach().Key }),
            async () => await offload.SyncAsync(new SyncRequest()),
            async () => await offload.StatusAsync(new StatusRequest()),
            async () => await agent.CreateNetworkAsync(Requests.CreateNetwork()),
            async () => await agent.DeleteNetworkAsync(Requests.DeleteNetwork()),
            async () => await agent.SetupHostInterfaceAsync(Requests.SetupHostInterface()),
            async () => await new ForwardingAgent(() => channel).CallAsync("UpdateIPSet", []),
            async () => await agent.NatTranslationAddAsync(new Protos.Infra.NatTranslation()),
        ];
        foreach (var call in calls)
        {
            var e = await Assert.ThrowsAsync<RpcException>(call);
            Assert.Equal(StatusCode.PermissionDenied, e.StatusCode);
            Assert.Contains("node-2", e.Status.Detail, StringComparison.Ordinal);
        }
        Assert.Contains("the certificate is for node node-2", Assert.Single(api.Log.Matching("Refused")), StringComparison.Ordinal);
        Assert.Empty(api.Core.Intents);
    }

    internal static async Task AssertRefusedAsync(GrpcChannel channel)
    {
        var e = await Assert.ThrowsAsync<RpcException>(async () =>
            await new Offload.OffloadClient(channel).AttachAsync(Requests.Attach(), deadline: DateTime.UtcNow.AddSeconds(20)));
        Assert.True(e.StatusCode is StatusCode.Unavailable or StatusCode.Internal or StatusCode.Unauthenticated
            or StatusCode.Cancelled, $"{e.StatusCode}: {e.Status.Detail}");
    }

    private static X509Certificate2? Make(ApiFixture api, Client client)
    {
        var pki = api.Pki;
        var now = api.Time.GetUtcNow();
        switch (client)
        {
            case Client.NoCertificate:
                return null;
            case Client.Corrupt:
                return Corrupt(pki.IssueHost());
            case Client.Expired:
                return pki.IssueHost(notAfter: now.AddHours(-1));
            case Client.NotYetValid:
                return pki.Issue("CN=node-1", ["urn:accoffload:role:host:node-1"], TestPki.ClientAuthentication,
                    notBefore: now.AddHours(1));
            case Client.ForeignAuthority:
                using (var foreign = new TestPki(now, "CN=Foreign CA"))
                {
                    return foreign.IssueHost();
                }

            case Client.ForeignAuthorityOfTheSameName:
                using (var foreign = new TestPki(now))
                {
                    return foreign.IssueHost();
                }

            case Client.SelfSigned:
                using (var key = ECDsa.Create(ECCurve.NamedCurves.nistP256))
                {
                    return new CertificateRequest("CN=node-1", key, HashAlgorithmName.SHA256).CreateSelfSigned(now.AddDays(-1),
                        now.AddDays(1));
                }

            case Client.ServerRole:
                return pki.IssueServer();
            case Client.TargetRole:
                return pki.Issue("CN=inframanager", ["urn:accoffload:role:p4rt-client"], TestPki.ClientAuthentication);
            case Client.NoRole:
                return pki.Issue("CN=node-1", ["urn:other:role:host:node-1"], TestPki.ClientAuthentication);
            case Client.TwoRoles:
                return pki.Issue("CN=node-1", ["urn:accoffload:role:host:node-1", "urn:accoffload:role:host:node-2"],
                    TestPki.ClientAuthentication);
            case Client.BadNode:
                return pki.Issue("CN=node-1", ["urn:accoffload:role:host:Node_1"], TestPki.ClientAuthentication);
            case Client.KeyUsage:
                return pki.Issue("CN=node-1", ["urn:accoffload:role:host:node-1"], TestPki.ClientAuthentication,
                    keyUsage: X509KeyUsageFlags.DataEncipherment);
            case Client.Authority:
                return pki.Authority;
            case Client.Revoked:
                var revoked = pki.IssueHost();
                api.WriteRevocations(revoked);
                api.Server.ReloadCertificates();
                return revoked;
            default:
                return pki.IssueHost();
        }
    }

    /// <summary>The same certificate with one bit of its signature flipped.</summary>
    private static X509Certificate2 Corrupt(X509Certificate2 certificate)
    {
        var der = certificate.RawData;
        der[^3] ^= 1;
        using var broken = X509CertificateLoader.LoadCertificate(der);
        return broken.CopyWithPrivateKey(certificate.GetECDsaPrivateKey()!);
    }
}

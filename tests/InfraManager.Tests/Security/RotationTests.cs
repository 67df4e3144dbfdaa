using System.Security.Cryptography.X509Certificates;
using ACCOffload.InfraManager.TestKit;
using ACCOffload.Protos.V1;
using ACCOffload.TestKit.Certificates;
using Grpc.Core;
using Grpc.Health.V1;

namespace ACCOffload.InfraManager.Tests.Security;

/// <summary>Changed files and the passing of time take effect on live channels, without a restart.</summary>
public sealed class RotationTests
{
    [Fact]
    public async Task The_live_connection_of_a_revoked_certificate_is_closed()
    {
        await using var api = await ApiFixture.StartAsync(revocation: true);
        using var revoked = api.Pki.IssueHost();
        using var other = api.Pki.IssueHost();
        using var channel = api.Connect(revoked);
        using var survivor = api.Connect(other);
        var offload = new Offload.OffloadClient(channel);
        await offload.StatusAsync(new StatusRequest());
        await new Offload.OffloadClient(survivor).StatusAsync(new StatusRequest());
        using var stream = new Health.HealthClient(channel).Watch(new HealthCheckRequest());
        Assert.True(await stream.ResponseStream.MoveNext(CancellationToken.None));

        api.WriteRevocations(revoked);
        // The open stream ends; inotify alone reports the change.
        await Assert.ThrowsAsync<RpcException>(async () => await stream.ResponseStream.MoveNext(CancellationToken.None));
        await TlsMatrixTests.AssertRefusedAsync(channel);
        Assert.Empty(api.Core.Intents);
        var closed = Assert.Single(api.Log.Matching("Closed the connection"));
        Assert.Contains("the certificate is revoked", closed, StringComparison.Ordinal);
        Assert.True((await new Offload.OffloadClient(survivor).StatusAsync(new StatusRequest())).Ready);
        Assert.Equal(1, api.Server.Connections);
    }

    [Fact]
    public async Task Removing_the_clients_CA_from_the_bundle_closes_its_connection()
    {
        await using var api = await ApiFixture.StartAsync();
        using var certificate = api.Pki.IssueHost();
        using var channel = api.Connect(certificate);
        await new Offload.OffloadClient(channel).StatusAsync(new StatusRequest());

        using var next = new TestPki(DateTimeOffset.UtcNow, "CN=Next CA");
        // As in a rotation: first both CAs, then only the new one.
        File.WriteAllText(api.Folder.At("ca.crt"), api.Pki.Authority.ExportCertificatePem() + "\n" + next.Authority.ExportCertificatePem());
        await Eventually.TrueAsync(() => api.Log.Matching("Certificates reloaded").Count() == 1, "the bundle with both CAs is loaded");
        await new Offload.OffloadClient(channel).StatusAsync(new StatusRequest());
        using var renewed = next.IssueHost();
        using var second = api.Connect(renewed);
        await new Offload.OffloadClient(second).StatusAsync(new StatusRequest());
        Assert.Empty(api.Log.Matching("Closed"));

        File.WriteAllText(api.Folder.At("ca.crt"), next.Authority.ExportCertificatePem());
        await Eventually.TrueAsync(() => api.Server.Connections == 1, "the old one's connection is closed");
        await TlsMatrixTests.AssertRefusedAsync(channel);
        await new Offload.OffloadClient(second).StatusAsync(new StatusRequest());
        Assert.Empty(api.Core.Intents);
    }

    [Fact]
    public async Task A_new_server_certificate_is_presented_to_the_next_connection()
    {
        await using var api = await ApiFixture.StartAsync();
        using var certificate = api.Pki.IssueHost();
        using var before = api.Pki.IssueServer();
        api.WriteServer(before);
        await PresentedAsync(api, certificate, before);
        using var after = api.Pki.IssueServer();
        api.WriteServer(after);
        await PresentedAsync(api, certificate, after);
    }

    [Fact]
    public async Task A_broken_file_leaves_the_old_certificates_in_use_and_is_reported_once()
    {
        await using var api = await ApiFixture.StartAsync();
        using var certificate = api.Pki.IssueHost();
        File.WriteAllText(api.Folder.At("ca.crt"), "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n");
        await Eventually.TrueAsync(() => api.Log.Matching("Certificates not reloaded").Any(), "the corrupt bundle is reported");
        api.Server.ReloadCertificates();
        api.Server.ReloadCertificates();
        Assert.Single(api.Log.Matching("Certificates not reloaded"));
        using var channel = api.Connect(certificate);
        Assert.True((await new Offload.OffloadClient(channel).StatusAsync(new StatusRequest())).Ready);

        File.WriteAllText(api.Folder.At("tls.crt"),
            api.Pki.IssueServer(notAfter: DateTimeOffset.UtcNow.AddMinutes(-1)).ExportCertificatePem());
        await Eventually.TrueAsync(() => api.Log.Matching("Certificates not reloaded").Count() == 2
            || api.Log.Matching("contains no private key").Any(), "the other problem is reported too");
        Assert.True((await new Offload.OffloadClient(channel).StatusAsync(new StatusRequest())).Ready);
    }

    [Fact]
    public async Task The_connection_of_an_expired_certificate_is_closed()
    {
        var time = new ShiftedTime();
        await using var api = await ApiFixture.StartAsync(time);
        using var certificate = api.Pki.IssueHost(notAfter: time.GetUtcNow().AddHours(1));
        using var channel = api.Connect(certificate);
        await new Offload.OffloadClient(channel).StatusAsync(new StatusRequest());
        time.Shift = TimeSpan.FromHours(2);
        await Eventually.TrueAsync(() => api.Server.Connections == 0 && api.Log.Matching("Closed").Any(), "the connection is closed");
        Assert.Contains("the certificate expired on", Assert.Single(api.Log.Matching("Closed")), StringComparison.Ordinal);
        await TlsMatrixTests.AssertRefusedAsync(channel);
        Assert.Empty(api.Core.Intents);
    }

    [Fact]
    public async Task With_an_expired_revocation_list_all_clients_are_refused()
    {
        var time = new ShiftedTime();
        await using var api = await ApiFixture.StartAsync(time, revocation: true);
        using var certificate = api.Pki.IssueHost();
        time.Shift = TimeSpan.FromDays(8);
        using var channel = api.Connect(certificate);
        await TlsMatrixTests.AssertRefusedAsync(channel);
        await Eventually.TrueAsync(() => api.Log.Matching("the revocation list of CN=Test CA expired").Any(), "the reason is reported");
    }

    [Fact]
    public async Task Live_connections_are_closed_when_the_revocation_list_expires()
    {
        var time = new ShiftedTime();
        await using var api = await ApiFixture.StartAsync(time, revocation: true);
        using var certificate = api.Pki.IssueHost(notAfter: time.GetUtcNow().AddDays(30));
        using var channel = api.Connect(certificate);
        await new Offload.OffloadClient(channel).StatusAsync(new StatusRequest());
        time.Shift = TimeSpan.FromDays(8);
        await Eventually.TrueAsync(() => api.Server.Connections == 0 && api.Log.Matching("Closed").Any(), "the connection is closed");
        Assert.Contains(
            "the revocation list of CN=Test CA expired on", Assert.Single(api.Log.Matching("Closed")), StringComparison.Ordinal);
        await TlsMatrixTests.AssertRefusedAsync(channel);

        // With a new list, the client can connect again.
        api.WriteRevocations();
        await Eventually.TrueAsync(() => api.Log.Matching("Certificates reloaded").Any(), "the new list is loaded");
        using var second = api.Connect(certificate);
        await new Offload.OffloadClient(second).StatusAsync(new StatusRequest());
        Assert.Single(api.Log.Matching("Closed"));
    }

    private static Task PresentedAsync(ApiFixture api, X509Certificate2 client, X509Certificate2 server) => Eventually.TrueAsync(
        async () =>
        {
            var seen = "";
            using var channel = api.Connect(client, onServer: c => seen = c.Thumbprint);
            await new Offload.OffloadClient(channel).StatusAsync(new StatusRequest());
            return seen == server.Thumbprint;
        },
        "the new certificate is presented");

    /// <summary>The system clock, moved forward by the test; timers are not affected.</summary>
    private sealed class ShiftedTime : TimeProvider
    {
        private long _ticks;

        public TimeSpan Shift
        {
            set => Volatile.Write(ref _ticks, value.Ticks);
        }

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow().AddTicks(Volatile.Read(ref _ticks));
    }
}

using System.Security.Authentication;
using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Ports;
using ACCOffload.P4Runtime.Session;
using ACCOffload.P4Runtime.Tests.Support;
using ACCOffload.TestKit.Certificates;
using ACCOffload.TestKit.Logging;

namespace ACCOffload.P4Runtime.Tests;

public sealed class TlsTests
{
    private const string Role = "urn:accoffload:role:p4rt-server";
    private static readonly TimeSpan CheckInterval = TimeSpan.FromMilliseconds(20);

    [Fact]
    public async Task Mutual_TLS_carries_a_session_and_gNMI()
    {
        using var tls = new TlsFiles(role: Role);
        await using var target = await TestTarget.StartAsync(tls: tls);
        await using var session = await target.PrimaryAsync(o => o with { Endpoint = o.Endpoint with { ServerRole = Role } });
        Assert.True((await session.WriteAsync(WriteTests.Pods(100), default)).AllOk);
        Assert.Equal(tls.ClientThumbprint, Assert.Single(target.Behaviour.ClientThumbprints));
        await using var gnmi = new GnmiClient(target.Endpoint());
        await gnmi.AddPortAsync("acc1", default);
        Assert.Equal(1u, await gnmi.GetPortIdAsync("acc1", default));
    }

    [Fact]
    public Task An_expired_server_is_refused() => Refused(new TlsFiles(serverAge: TimeSpan.FromDays(2)), "NotTimeValid");

    [Fact]
    public Task A_foreign_authority_is_refused() => Refused(new TlsFiles(foreignServer: true), "chain");

    [Fact]
    public Task A_wrong_name_is_refused() => Refused(new TlsFiles(dnsName: "elsewhere"), "NameMismatch");

    [Fact]
    public Task A_server_without_the_role_is_refused() =>
        Refused(new TlsFiles(role: "urn:accoffload:role:acc"), Role, o => o with { ServerRole = Role });

    [Fact]
    public Task An_expired_server_is_refused_with_a_required_role_too() =>
        Refused(new TlsFiles(role: Role, serverAge: TimeSpan.FromDays(2)), "NotTimeValid", o => o with { ServerRole = Role });

    [Fact]
    public Task A_TLS_1_2_server_is_refused() => Refused(new TlsFiles { Protocols = SslProtocols.Tls12 }, "");

    [Fact]
    public async Task The_expected_name_is_configurable()
    {
        using var tls = new TlsFiles(dnsName: "target.example");
        await using var target = await TestTarget.StartAsync(tls: tls);
        await using var session = await target.PrimaryAsync(o => o with { Endpoint = o.Endpoint with { ServerName = "target.example" } });
        Assert.Equal(SessionState.Primary, session.State);
    }

    [Fact]
    public async Task An_untrusted_client_is_refused()
    {
        using var tls = new TlsFiles();
        tls.RotateClient(foreign: true);
        await using var target = await TestTarget.StartAsync(tls: tls);
        await using var session = target.Session();
        await Eventually.TrueAsync(() => session.State == SessionState.Disconnected && session.StateReason != "connecting", "a refusal");
        Assert.Empty(target.Behaviour.Bids);

        // A valid certificate in the files is used at the next attempt.
        tls.RotateClient();
        await Eventually.TrueAsync(() => session.State == SessionState.Primary, "the use of the new certificate");
    }

    [Fact]
    public async Task A_changed_certificate_makes_a_live_session_reconnect_with_it()
    {
        using var tls = new TlsFiles();
        await using var target = await TestTarget.StartAsync(tls: tls);
        await using var session = await target.PrimaryAsync(ChecksOften);
        await using var gnmi = new GnmiClient(target.Endpoint());
        await gnmi.GetPortsAsync(default);
        var whole = File.ReadAllText(tls.ClientCertificateFile);
        File.WriteAllText(tls.ClientCertificateFile, whole[..(whole.Length / 2)]);
        await Eventually.TrueAsync(
            () => session.CertificateProblem.Contains(tls.ClientCertificateFile, StringComparison.Ordinal),
            "noticing the half-written file");
        Assert.Equal((1, SessionState.Primary), (session.ConnectionId, session.State));
        await gnmi.GetPortsAsync(default);
        tls.RotateClient();
        await Eventually.TrueAsync(() => session.ConnectionId == 2 && session.State == SessionState.Primary, "reconnecting");
        Assert.Equal(tls.ClientThumbprint, target.Behaviour.ClientThumbprints.Last());
        await gnmi.GetPortsAsync(default);
    }

    [Fact]
    public async Task Broken_files_do_not_prevent_a_reconnect()
    {
        using var tls = new TlsFiles();
        await using var target = await TestTarget.StartAsync(tls: tls);
        await using var session = await target.PrimaryAsync();
        var good = File.ReadAllText(tls.ClientCertificateFile);
        File.WriteAllText(tls.ClientCertificateFile, "nonsense");
        target.Behaviour.HangUp();
        await Eventually.TrueAsync(
            () => session.ConnectionId == 2 && session.State == SessionState.Primary, "reconnecting with the certificate that it had");
        Assert.Contains(tls.ClientCertificateFile, session.CertificateProblem, StringComparison.Ordinal);

        File.WriteAllText(tls.ClientCertificateFile, good);
        target.Behaviour.HangUp();
        await Eventually.TrueAsync(() => session.ConnectionId == 3 && session.State == SessionState.Primary, "reconnecting with the files");
        Assert.Equal("", session.CertificateProblem);
    }

    [Fact]
    public async Task While_the_certificates_are_replaced_requests_are_refused_with_the_reason()
    {
        using var tls = new TlsFiles();
        await using var target = await TestTarget.StartAsync(tls: tls);
        await using var session = await target.PrimaryAsync(ChecksOften);
        var answer = new TaskCompletionSource();
        target.Behaviour.OnWrite = (_, _) => target.Behaviour.Writes.Count == 1 ? answer.Task : Task.CompletedTask;
        var slow = session.WriteAsync(WriteTests.Pods(1), default);
        await Eventually.TrueAsync(() => target.Behaviour.Writes.Count == 1, "the arrival of the Write");

        tls.RotateClient();
        var refused = WriteResult.Success;
        await Eventually.TrueAsync(
            async () => (refused = await session.WriteAsync(WriteTests.Pods(1), default)).Outcome == WriteOutcome.NotSent,
            "the start of the replacement");
        Assert.Equal("not sent: the connection is being replaced", refused.Message);
        var e = await Assert.ThrowsAsync<P4RuntimeException>(() => session.GetApiVersionAsync(default));
        Assert.EndsWith($"no connection to {target.Address} (the connection is being replaced)", e.Message, StringComparison.Ordinal);

        answer.SetResult();
        Assert.True((await slow).AllOk);
        await Eventually.TrueAsync(() => session.ConnectionId == 2 && session.State == SessionState.Primary, "reconnecting");
        Assert.True((await session.WriteAsync(WriteTests.Pods(1), default)).AllOk);
    }

    [Theory]
    [InlineData("crt")]
    [InlineData("key")]
    [InlineData("ca")]
    public async Task While_a_file_is_missing_the_last_good_ones_stay_in_use_and_the_log_names_it_once(string which)
    {
        using var tls = new TlsFiles();
        await using var target = await TestTarget.StartAsync(tls: tls);
        using var log = new LogCollector();
        await using var session = await target.PrimaryAsync(ChecksOften, log.CreateLogger("session"));
        await using var gnmi = new GnmiClient(target.Endpoint());
        await gnmi.GetPortsAsync(default);
        var path = PathOf(tls, which);
        var good = File.ReadAllText(path);
        File.Delete(path);
        await Eventually.TrueAsync(() => session.CertificateProblem.Length > 0, "noticing that the file is missing");
        Assert.EndsWith($"{path} cannot be used: no such file", session.CertificateProblem, StringComparison.Ordinal);
        Assert.Equal((1, SessionState.Primary), (session.ConnectionId, session.State));
        await gnmi.GetPortsAsync(default);

        target.Behaviour.HangUp();
        await Eventually.TrueAsync(
            () => session.ConnectionId == 2 && session.State == SessionState.Primary, "reconnecting with the certificate that it had");
        // Several checks.
        await Task.Delay(CheckInterval * 10);
        Assert.Single(log.Matching("certificates can't be used"), l => l.EndsWith(session.CertificateProblem, StringComparison.Ordinal));
        Assert.Equal(2, session.ConnectionId);

        File.WriteAllText(path, good);
        await Eventually.TrueAsync(() => session.CertificateProblem.Length == 0, "noticing that the file is back");
    }

    [Theory]
    [InlineData("crt")]
    [InlineData("key")]
    [InlineData("ca")]
    public async Task A_missing_or_corrupt_file_is_named(string which)
    {
        using var tls = new TlsFiles();
        await using var target = await TestTarget.StartAsync(tls: tls);
        var path = PathOf(tls, which);
        var named = which == "key" ? tls.ClientCertificateFile : path;
        File.WriteAllText(path, "nonsense");
        await using var session = target.Session();
        await Eventually.TrueAsync(() => session.StateReason.Contains(named, StringComparison.Ordinal), "the file's name in the reason");
        File.Delete(path);
        await Eventually.TrueAsync(
            () => session.StateReason.EndsWith($"{path} cannot be used: no such file", StringComparison.Ordinal),
            "the file's absence in the reason");
        Assert.Empty(target.Behaviour.Bids);
    }

    private static P4RuntimeSessionOptions ChecksOften(P4RuntimeSessionOptions options) =>
        options with { Endpoint = options.Endpoint with { CertificateCheckInterval = CheckInterval } };

    private static string PathOf(TlsFiles tls, string which) =>
        which switch { "crt" => tls.ClientCertificateFile, "key" => tls.ClientKeyFile, _ => tls.CaFile };

    private static async Task Refused(TlsFiles tls, string says, Func<TargetEndpoint, TargetEndpoint>? change = null)
    {
        using var own = tls;
        await using var target = await TestTarget.StartAsync(tls: tls);
        await using var session = target.Session(o => o with { Endpoint = change?.Invoke(o.Endpoint) ?? o.Endpoint });
        await Eventually.TrueAsync(() => session.State == SessionState.Disconnected && session.StateReason != "connecting", "a refusal");
        Assert.Contains(says, session.StateReason, StringComparison.Ordinal);
        Assert.Empty(target.Behaviour.Bids);
    }
}

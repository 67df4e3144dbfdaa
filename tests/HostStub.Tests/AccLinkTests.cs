using System.Diagnostics;
using System.Security.Authentication;
using ACCOffload.HostStub.TestKit;
using ACCOffload.TestKit.Certificates;

namespace ACCOffload.HostStub.Tests;

public sealed class AccLinkTests
{
    [Theory]
    [InlineData("foreign", "is not trusted")]
    [InlineData("role", "does not have the role urn:accoffload:role:acc")]
    [InlineData("name", "is not for the name accoffload-acc")]
    [InlineData("expired", "is not trusted")]
    [InlineData("tls12", "")]
    public async Task An_impostor_of_the_ACC_is_refused_with_the_reason(string wrong, string reason)
    {
        Needs.Root();
        await using var lab = await AgentLab.CreateAsync(startAcc: false);
        switch (wrong)
        {
            case "foreign": lab.Acc.Certificate = new TestPki().IssueFor(TestPki.AccRole); break;
            case "role": lab.Acc.Certificate = lab.Pki.IssueFor(TestPki.HostRole); break;
            case "name": lab.Acc.Certificate = lab.Pki.IssueFor(TestPki.AccRole, "somebody-else"); break;
            case "expired": lab.Acc.Certificate = lab.Pki.IssueFor(TestPki.AccRole, until: DateTimeOffset.UtcNow.AddHours(-1)); break;
            default: lab.Acc.Protocols = SslProtocols.Tls12; break;
        }
        var before = lab.Agent!.Services.Acc.State.Reason;
        await lab.Acc.StartAsync();

        bool IsReported() => lab.Agent.Services.Acc.State.Reason is var now && now != before
            && !now.Contains("refused", StringComparison.Ordinal) && now.Contains(reason, StringComparison.Ordinal);
        await Eventually.TrueAsync(
            IsReported,
            () => $"the reason \"{reason}\" instead of \"{lab.Agent.Services.Acc.State.Reason}\"");

        Assert.False(lab.Agent.Services.Acc.State.Synced);
        Assert.Empty(lab.Acc.Model.Calls);
    }

    [Theory]
    [InlineData("missing", "tls.crt")]
    [InlineData("corrupt", "tls.crt")]
    [InlineData("other key", "not the private key for")]
    [InlineData("expired", "valid only from")]
    [InlineData("no ca", "ca.crt")]
    public async Task A_bad_certificate_of_the_agent_is_reported_and_the_agent_keeps_serving(string wrong, string reason)
    {
        Needs.Root();
        await using var lab = await AgentLab.CreateAsync(startAgent: false);
        switch (wrong)
        {
            case "missing": File.Delete(lab.At("pki/tls.crt")); break;
            case "corrupt": File.WriteAllText(lab.At("pki/tls.crt"), "garbage"); break;
            case "other key": File.WriteAllText(lab.At("pki/tls.key"), lab.Pki.IssueFor("").GetECDsaPrivateKeyPem()); break;
            case "expired":
                lab.Pki.WriteClient(lab.At("pki"), lab.Pki.IssueFor(TestPki.HostRole, null, DateTimeOffset.UtcNow.AddHours(-1)));
                break;
            default: File.WriteAllText(lab.At("pki/ca.crt"), ""); break;
        }
        await lab.StartAgentAsync(waitSynced: false);

        await Eventually.TrueAsync(
            () => lab.Agent!.Services.Acc.State.Reason.Contains(reason, StringComparison.Ordinal),
            () => $"\"{reason}\" instead of \"{lab.Agent!.Services.Acc.State.Reason}\"");
        (await Task.Run(() => lab.Request("DEL", "x", "", change: c => c.Remove("ipam")))).Succeeded();
        Assert.Empty(lab.Acc.Model.Calls);

        // Fixed files are used without a restart.
        lab.Pki.WriteClient(lab.At("pki"));
        await Eventually.TrueAsync(() => lab.Agent!.Services.Acc.State.Synced, "the agent connects with the new files");
    }

    [Fact]
    public async Task A_certificate_from_another_CA_is_never_accepted()
    {
        Needs.Root();
        await using var lab = await AgentLab.CreateAsync(startAgent: false);
        lab.Pki.WriteClient(lab.At("pki"), new TestPki().IssueFor(TestPki.HostRole, null));
        await lab.StartAgentAsync(waitSynced: false);

        await Eventually.TrueAsync(() => lab.Agent!.Services.Acc.State.Reason != "not connected yet", "a first attempt fails");

        Assert.False(lab.Agent!.Services.Acc.State.Synced);
        Assert.Empty(lab.Acc.Model.Calls);
    }

    [Fact]
    public async Task An_unreachable_ACC_fails_Add_in_time_with_error_11_and_nothing_is_created()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync(startAcc: false);
        var pod = lab.NewPod();
        var started = Stopwatch.GetTimestamp();

        var answer = (await lab.RunAsync("ADD", pod)).Failed(11);

        Assert.Contains($"the ACC at 127.0.0.1:{lab.Acc.Port} is unreachable", answer.Message, StringComparison.Ordinal);
        Assert.Contains("refused", answer.Message, StringComparison.Ordinal);
        // The bound is far above any normal run: it only catches a hang.
        Assert.True(Stopwatch.GetElapsedTime(started) < TimeSpan.FromSeconds(30));
        lab.AssertNothingLeft();
    }

    [Fact]
    public async Task An_Add_waits_for_an_ACC_that_is_coming_back_and_Sync_is_sent_first()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        var (old, fresh) = (lab.NewPod(), lab.NewPod());
        (await lab.RunAsync("ADD", old)).Succeeded();
        await lab.Acc.StopAsync();
        lab.Acc.Model.Clear();
        lab.Acc.Model.Calls.Clear();
        var adding = lab.RunAsync("ADD", fresh);

        await lab.Acc.StartAsync();

        (await adding).Succeeded();
        Assert.Equal(["Sync", "Attach"], lab.Acc.Model.Calls);
        Assert.Equal(2, lab.Acc.Model.Pods.Count);
    }

    [Fact]
    public async Task A_connection_lost_during_Attach_is_replaced_within_the_Add()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        var pod = lab.NewPod();
        lab.Acc.Model.HangAttach = true;
        var adding = lab.RunAsync("ADD", pod);
        await Eventually.TrueAsync(() => lab.Acc.Model.Calls.Contains("Attach"), "the ACC gets the request");

        await lab.Acc.StopAsync();
        await lab.Acc.StartAsync();

        (await adding).Succeeded();
        Assert.Single(lab.Acc.Model.Pods);
    }

    [Fact]
    public async Task New_certificates_are_used_on_a_live_channel()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        lab.Acc.Model.Calls.Clear();

        lab.Pki.WriteClient(lab.At("pki"));

        await Eventually.TrueAsync(() => lab.Acc.Model.Calls.Contains("Sync"), "a new connection is synchronized");
        Assert.True(lab.Log.Contains("The certificate files changed"));
        (await lab.RunAsync("ADD", lab.NewPod())).Succeeded();
    }

    [Fact]
    public async Task Broken_certificate_files_do_not_prevent_a_reconnect()
    {
        Needs.Root();
        await using var lab = await AgentLab.CreateAsync();
        var link = lab.Agent!.Services.Acc;
        await Eventually.TrueAsync(() => link.State.Synced, "the agent connects");
        string file = lab.Agent.Services.Config.Acc.CertificateFile, good = File.ReadAllText(file);
        File.WriteAllText(file, "half a certifi");

        await lab.Acc.StopAsync();
        await Eventually.TrueAsync(() => !link.State.Synced, "the agent detects that the ACC is unreachable");
        await lab.Acc.StartAsync();
        await Eventually.TrueAsync(() => link.State.Synced, "the agent connects with the credentials that it had");
        Assert.Contains(
            lab.Agent.Conditions.Take(),
            c => c is { Name: "Certificates", Ok: false, PreventsAdds: false } && c.Reason.Contains(file, StringComparison.Ordinal));

        File.WriteAllText(file, good);
        link.RequestResync();
        await Eventually.TrueAsync(() => lab.Agent.Conditions.Take().All(c => c.Ok), "all conditions hold again");
    }

    [Fact]
    public async Task Incomplete_certificate_files_leave_the_channel_open()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();

        File.WriteAllText(lab.At("pki/tls.key"), lab.Pki.IssueFor("").GetECDsaPrivateKeyPem());

        await Eventually.TrueAsync(() => lab.Log.Contains("the old ones stay"), "the bad key is reported");
        (await lab.RunAsync("ADD", lab.NewPod())).Succeeded();
    }

    [Fact]
    public async Task A_CA_that_no_longer_matches_the_ACC_closes_the_channel()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();

        lab.Pki.WriteClient(lab.At("pki"), authority: new TestPki().Authority);

        await Eventually.TrueAsync(
            () => lab.Agent!.Services.Acc.State.Reason.Contains("is not trusted", StringComparison.Ordinal),
            "the agent disconnects from the ACC");
        Assert.False(lab.Agent!.Services.Acc.State.Synced);
    }
}

using System.Text.Json.Nodes;
using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.P4Runtime.Channels;
using Grpc.Core;

namespace ACCOffload.InfraManager.Tests.CommandLine;

/// <summary>ctl verify policy: rows that are read back against the policies.</summary>
public sealed class CtlVerifyTests : IAsyncLifetime
{
    private PolicyCtl _ctl = null!;

    public async ValueTask InitializeAsync()
    {
        _ctl = await PolicyCtl.StartAsync();
        await _ctl.SetAsync(
            PolicyCtl.Web, new NetworkPolicyRecord("shop", "closed", PolicyCtl.Selector("client"), [], [], ["Ingress", "Egress"]));
    }

    public async ValueTask DisposeAsync() => await _ctl.DisposeAsync();

    [Fact]
    public async Task What_the_programmer_wrote_is_equal()
    {
        Assert.StartsWith("equal: ", await _ctl.RunAsync("verify", "policy"), StringComparison.Ordinal);
        var json = JsonNode.Parse(await _ctl.RunAsync("verify", "policy", "--json"))!;
        var rows = _ctl.Core.Target.Rows.Count(r => r.Table.Alias is "verdicts" or "egress_groups" or "ingress_groups" or "peers" or "nets"
            or "ports" or "port_ranges");
        Assert.Equal((true, 2, rows), ((bool)json["equal"]!, (int)json["pods"]!, (int)json["rows"]!));
        Assert.True((long)json["points"]! >= 2 * (int)json["peers"]! * (int)json["ports"]!);
    }

    [Theory]
    [InlineData("verdicts")]
    [InlineData("ingress_groups")]
    [InlineData("peers")]
    [InlineData("ports")]
    public async Task A_lost_row_is_named_and_fails(string table)
    {
        Assert.True(_ctl.Api.Target.Entries.RemoveAll(e => e.Table.Alias == table) > 0);
        var text = await _ctl.FailAsync(1, "verify", "policy");
        Assert.StartsWith("DIFFERENT: ", text, StringComparison.Ordinal);
        Assert.Contains("ingress of shop/pod-1 from", text, StringComparison.Ordinal);
        Assert.Contains("NetworkPolicy shop/web ingress[0]", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pod_that_lost_its_binding_is_named()
    {
        _ctl.Api.Target.Entries.RemoveAll(e => e.Action.Alias == "isolated_pod_port");
        Assert.Contains("shop/pod-1 has no row in port_class", await _ctl.FailAsync(1, "verify", "policy"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_target_that_cannot_be_read_is_an_error()
    {
        _ctl.Api.Target.Failure = new P4RuntimeException(StatusCode.Unavailable, "not connected");
        var text = await _ctl.FailAsync(1, "verify", "policy");
        Assert.Contains("cannot be read from the target: not connected", text, StringComparison.Ordinal);
        Assert.DoesNotContain("equal", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_target_that_is_not_ready_is_an_error()
    {
        _ctl.Core.Target.Disconnect();
        await _ctl.Core.UntilAsync(() => !_ctl.Core.Programmer.Status.Ready, "not ready");
        Assert.Contains("not ready, so nothing can be compared", await _ctl.FailAsync(1, "verify", "policy"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Differences_are_counted_and_bounded()
    {
        var policies = Enumerable.Range(0, 40).Select(i => new NetworkPolicyRecord(
            "shop", $"more-{i}", PolicyCtl.Selector("web"),
            [new NetworkPolicyRule([], [new PolicyPort(IpProtocol.Udp, (ushort)(100 + (2 * i)))])], [], ["Ingress"]));
        await _ctl.SetAsync([.. policies]);
        _ctl.Api.Target.Entries.RemoveAll(e => e.Table.Alias is "verdicts");
        var json = JsonNode.Parse(await _ctl.FailAsync(1, "verify", "policy", "--json"))!;
        Assert.Equal(16, json["differences"]!.AsArray().Count);
        Assert.True((int)json["differing"]! > 40);
    }
}

using System.Text.Json.Nodes;
using ACCOffload.InfraManager.Tests.Kubernetes;
using ACCOffload.Runtime.Tests;
using ACCOffload.Services.Tests.Support;

namespace ACCOffload.Services.Tests.Sequences;

/// <summary>A pod goes, and the next one gets its address: of another service, and then of the first again.</summary>
public sealed class AddressReuseTests(NodeFixture fixture) : IClassFixture<NodeFixture>
{
    private const string Web = "10.96.0.10:80";
    private const string Other = "10.96.0.20:80";

    private ServiceNode _node = null!;

    /// <summary>When the slices tell, seen from the pods' coming and going.</summary>
    public enum Told
    {
        /// <summary>And that is in force before the pods change.</summary>
        Before,

        /// <summary>All changes in one go, and the pods' at once.</summary>
        AtOnce,

        After,
    }

    [RootTheory]
    [InlineData(Told.Before)]
    [InlineData(Told.AtOnce)]
    [InlineData(Told.After)]
    public async Task Nothing_of_a_pod_that_is_gone_reaches_who_has_its_address_now(Told told)
    {
        _node = await fixture.NodeAsync();
        var address = _node.Pods[1].Address;
        await _node.BecomeAsync(Cluster(web: [address], other: []));
        using var datagrams = _node.From(3).OpenUdp(Web);
        Assert.Equal("1:8080", (await datagrams.AskAsync()).Who);
        await HoldWhileAsync(Web, () => ReplaceAsync(told, 1, 6, address, [], [address]));
        await _node.AnswersAsync(_node.From(3), Web, Answer.Refused);
        await _node.AnswersAsync(_node.From(3), Other, "6:8080");
        Assert.Equal(Answer.Refused, (await datagrams.AskAsync()).Who);

        await HoldWhileAsync(Other, () => ReplaceAsync(told, 6, 1, address, [address], []));
        await _node.AnswersAsync(_node.From(3), Web, "1:8080");
        await _node.AnswersAsync(_node.From(3), Other, Answer.Refused);
        Assert.Equal("1:8080", (await datagrams.AskAsync()).Who);
    }

    /// <summary>Connections of a pod and of the host end with the pod that they go to.</summary>
    private async Task HoldWhileAsync(string to, Func<Task> change)
    {
        await using var pods = await _node.From(3).HoldAsync(to);
        await using var hosts = await _node.Host.HoldAsync(to);
        await change();
        await pods.BreaksAsync();
        await hosts.BreaksAsync();
    }

    private async Task ReplaceAsync(Told told, int gone, int next, string address, string[] web, string[] other)
    {
        if (told != Told.After)
        {
            _node.Api.Become(Cluster(web, other));
        }

        if (told == Told.Before)
        {
            await _node.SyncedAsync();
        }

        await _node.DeletePodAsync(gone);
        await _node.AddPodAsync(next, address);
        Assert.Equal(address, _node.Pods[next].Address);
        if (told == Told.After)
        {
            _node.Api.Become(Cluster(web, other));
        }

        await _node.SyncedAsync();
    }

    private static JsonObject[] Cluster(string[] web, string[] other) =>
    [
        Objects.Service("web", "10.96.0.10"), Objects.Slice("s", "web", web.Select(a => Kube.Endpoint(a))),
        Objects.Service("other", "10.96.0.20"), Objects.Slice("o", "other", other.Select(a => Kube.Endpoint(a))),
    ];
}

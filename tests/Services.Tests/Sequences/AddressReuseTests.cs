using System.Text.Json.Nodes;
using ACCOffload.Services.Tests.Support;
using ACCOffload.TestKit.Cluster;

namespace ACCOffload.Services.Tests.Sequences;

/// <summary>A pod is removed and another one gets its address: first for another service, then for the first one again.</summary>
public sealed class AddressReuseTests(NodeFixture fixture) : IClassFixture<NodeFixture>
{
    private const string Web = "10.96.0.10:80";
    private const string Other = "10.96.0.20:80";

    private ServiceNode _node = null!;

    /// <summary>When the slices change, relative to the pods.</summary>
    public enum SliceUpdate
    {
        /// <summary>The change is applied before the pods change.</summary>
        Before,

        /// <summary>Slices and pods change at the same time.</summary>
        AtOnce,

        After,
    }

    [Theory]
    [InlineData(SliceUpdate.Before)]
    [InlineData(SliceUpdate.AtOnce)]
    [InlineData(SliceUpdate.After)]
    public async Task No_traffic_of_a_removed_pod_reaches_the_next_owner_of_its_address(SliceUpdate update)
    {
        Needs.Lab();
        _node = await fixture.NodeAsync();
        var address = _node.Pods[1].Address;
        await _node.SetClusterAsync(Cluster(web: [address], other: []));
        using var datagrams = _node.From(3).OpenUdp(Web);
        Assert.Equal("1:8080", (await datagrams.AskAsync()).Server);
        await HoldWhileAsync(Web, () => ReplaceAsync(update, 1, 6, address, [], [address]));
        await _node.AnswersAsync(_node.From(3), Web, Answer.Refused);
        await _node.AnswersAsync(_node.From(3), Other, "6:8080");
        Assert.Equal(Answer.Refused, (await datagrams.AskAsync()).Server);

        await HoldWhileAsync(Other, () => ReplaceAsync(update, 6, 1, address, [address], []));
        await _node.AnswersAsync(_node.From(3), Web, "1:8080");
        await _node.AnswersAsync(_node.From(3), Other, Answer.Refused);
        Assert.Equal("1:8080", (await datagrams.AskAsync()).Server);
    }

    /// <summary>Holds connections of a pod and of the host, which must end with the pod they go to.</summary>
    private async Task HoldWhileAsync(string to, Func<Task> change)
    {
        await using var pods = await _node.From(3).HoldAsync(to);
        await using var hosts = await _node.Host.HoldAsync(to);
        await change();
        await pods.BreaksAsync();
        await hosts.BreaksAsync();
    }

    private async Task ReplaceAsync(SliceUpdate update, int gone, int next, string address, string[] web, string[] other)
    {
        if (update != SliceUpdate.After)
        {
            _node.Api.ReplaceAll(Cluster(web, other));
        }

        if (update == SliceUpdate.Before)
        {
            await _node.SyncedAsync();
        }

        await _node.DeletePodAsync(gone);
        await _node.AddPodAsync(next, address);
        Assert.Equal(address, _node.Pods[next].Address);
        if (update == SliceUpdate.After)
        {
            _node.Api.ReplaceAll(Cluster(web, other));
        }

        await _node.SyncedAsync();
    }

    private static JsonObject[] Cluster(string[] web, string[] other) =>
    [
        Objects.Service("web", "10.96.0.10"), Objects.Slice("s", "web", web.Select(a => Kube.Endpoint(a))),
        Objects.Service("other", "10.96.0.20"), Objects.Slice("o", "other", other.Select(a => Kube.Endpoint(a))),
    ];
}

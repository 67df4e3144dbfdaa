using ACCOffload.InfraManager.Cluster.Connection;
using ACCOffload.InfraManager.Cluster.Nodes;
using ACCOffload.InfraManager.Cluster.Objects;
using ACCOffload.InfraManager.Cluster.Watch;
using ACCOffload.TestKit.Cluster;

namespace ACCOffload.InfraManager.Tests.Kubernetes;

/// <summary>One watch of all Nodes for several receivers.</summary>
public sealed class NodeFeedTests : IAsyncLifetime
{
    private ClusterFixture _cluster = null!;
    private ApiServerClient _client = null!;
    private NodeFeed _feed = null!;

    private FakeApiServer Server => _cluster.Server;

    public async ValueTask InitializeAsync()
    {
        _cluster = await ClusterFixture.StartAsync();
        _client = _cluster.NewClient();
        _feed = new NodeFeed(_client, _cluster.Options, TimeProvider.System, _cluster.Log.CreateLogger("Kubernetes"));
    }

    public async ValueTask DisposeAsync()
    {
        await _feed.DisposeAsync();
        _client.Dispose();
        await _cluster.DisposeAsync();
    }

    [Fact]
    public async Task Receivers_share_one_list_and_a_late_one_has_what_is_known()
    {
        Server.Put(Kube.Node("node-1", "a").WithAddresses(["192.0.2.1"]), Kube.Node("node-2", "a").WithAddresses(["192.0.2.2"]));
        var (first, late) = (new Receiver(), new Receiver());
        Assert.Null(_feed.Status);
        _feed.Add(first);
        await first.HasAsync("node-1", "node-2");
        // A name where the API wants an address: the object is not readable, and its last version stays.
        Server.Put(Kube.Node("node-2", "a").WithAddresses(["node-2.example"]), Kube.Node("node-3", "a").WithAddresses(["192.0.2.3"]));
        await first.HasAsync("node-1", "node-2", "node-3");
        _feed.Add(late);
        await late.HasAsync("node-1", "node-2", "node-3");
        Server.Delete(Kube.Nodes, "/node-1");
        await first.HasAsync("node-2", "node-3");
        await late.HasAsync("node-2", "node-3");
        Assert.Equal(1, Server.CountLists(Kube.Nodes));

        await _feed.RemoveAsync(first);
        Server.Put(Kube.Node("node-4", "a").WithAddresses(["192.0.2.4"]));
        await late.HasAsync("node-2", "node-3", "node-4");
        await first.HasAsync("node-2", "node-3");
    }

    [Fact]
    public async Task The_last_receiver_ends_the_watch()
    {
        Server.Put(Kube.Node("node-1", "a").WithAddresses(["192.0.2.1"]));
        var receiver = new Receiver();
        _feed.Add(receiver);
        await receiver.HasAsync("node-1");
        await _feed.RemoveAsync(receiver);
        await Eventually.TrueAsync(() => Server.WatcherCount(Kube.Nodes) == 0, () => "still watched");
        Assert.Null(_feed.Status);

        Server.Delete(Kube.Nodes, "/node-1");
        Server.Put(Kube.Node("node-2", "a").WithAddresses(["192.0.2.2"]));
        var next = new Receiver();
        _feed.Add(next);
        await next.HasAsync("node-2");
    }

    private sealed class Receiver : IObjectSink<NodeObject>
    {
        private readonly Lock _lock = new();
        private readonly HashSet<string> _names = new(StringComparer.Ordinal);

        public int Count => _names.Count;

        public void Replace(IReadOnlyCollection<NodeObject> objects, IReadOnlyCollection<ObjectName> unreadable)
        {
            lock (_lock)
            {
                _names.Clear();
                _names.UnionWith(objects.Select(o => o.Name.Name));
            }
        }

        public void Apply(NodeObject changed)
        {
            lock (_lock)
            {
                _names.Add(changed.Name.Name);
            }
        }

        public void Remove(ObjectName name)
        {
            lock (_lock)
            {
                _names.Remove(name.Name);
            }
        }

        public Task HasAsync(params string[] names) => Eventually.TrueAsync(
            () =>
            {
                lock (_lock)
                {
                    return _names.SetEquals(names);
                }
            },
            () => string.Join(' ', _names));
    }
}

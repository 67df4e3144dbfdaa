using ACCOffload.Felix.Tests.Setup;
using ACCOffload.TestKit.Labs;

namespace ACCOffload.Felix.Tests;

/// <summary>
/// Pods that send to one pod all the time. What neither the former nor the present policy allows must never arrive, not a single packet.
/// </summary>
internal sealed class Traffic : IAsyncDisposable
{
    /// <summary>No server of the pod, so that it does not answer.</summary>
    public const int Port = 7070;

    private const int Enough = 200;

    private readonly FelixNode _node;
    private readonly string _server;
    private readonly string[] _senders;
    private readonly Arrivals _arrivals;
    private readonly List<Flood> _floods = [];
    private HashSet<string> _allowed = [];

    private Traffic(FelixNode node, string server, string[] senders)
    {
        (_node, _server, _senders) = (node, server, senders);
        _arrivals = Arrivals.In(node.Pods[server].Namespace);
    }

    public long Sent => _floods.Sum(f => (long)f.Sent);

    /// <summary>The packets that arrived, by sender.</summary>
    public string Arrived => string.Join(", ", _senders.Select(s => $"{s} {Count(s)}"));

    /// <summary>Starts to send, while nobody is allowed.</summary>
    public static async Task<Traffic> StartAsync(FelixNode node, string server, params string[] senders)
    {
        var traffic = new Traffic(node, server, senders);
        foreach (var sender in senders)
        {
            var pod = node.Pods[sender];
            traffic._floods.Add(Flood.Udp(
                PodEnd.Of(pod.Namespace, pod.Address), node.Pods[server].Address, Port, 4, TimeSpan.FromMilliseconds(2)));
        }

        await Eventually.TrueAsync(() => traffic._floods.TrueForAll(f => f.Sent > Enough), "the floods run");
        return traffic;
    }

    /// <summary>
    /// Makes a change, and waits until what it allows arrives and what it denies has stopped. Meanwhile nothing arrives that is denied
    /// before and after it.
    /// </summary>
    public async Task FollowAsync(Func<Task> change)
    {
        var counts = _senders.ToDictionary(s => s, Count);
        await change();
        var former = _allowed;
        _allowed = [.. _senders.Where(IsAllowed)];
        await SettledAsync();
        _arrivals.AssertComplete();
        foreach (var sender in _senders.Where(s => !former.Contains(s) && !_allowed.Contains(s)))
        {
            Assert.Equal(counts[sender], Count(sender));
        }
    }

    /// <summary>Packets of everybody who is allowed go on arriving.</summary>
    public Task GrowsAsync() => GrowAsync(_allowed);

    public async ValueTask DisposeAsync()
    {
        foreach (var flood in _floods)
        {
            await flood.DisposeAsync();
        }

        await _arrivals.DisposeAsync();
    }

    private bool IsAllowed(string sender) =>
        _node.Cluster.Allows(FelixNode.Name, _node.Pods[sender].Address, _node.Pods[_server].Address, "UDP", Port);

    private long Count(string sender) => _arrivals.Count(_node.Pods[sender].Address, Port);

    private async Task SettledAsync()
    {
        await GrowAsync(_allowed);
        foreach (var sender in _senders.Except(_allowed))
        {
            var last = -1L;
            await Eventually.TrueAsync(
                async () =>
                {
                    var now = Count(sender);
                    (var isQuiet, last) = (now == last, now);
                    await GrowAsync(_allowed);
                    // Also where nobody is allowed: time for a few hundred packets.
                    var sent = Sent;
                    await Eventually.TrueAsync(() => Sent > sent + Enough, "the floods go on");
                    return isQuiet;
                },
                () => $"packets of {sender} stop: {Arrived}; Felix's log:\n{_node.Felix.Log}");
        }
    }

    private async Task GrowAsync(IEnumerable<string> senders)
    {
        var before = senders.ToDictionary(s => s, Count);
        await Eventually.TrueAsync(
            () => before.All(s => Count(s.Key) > s.Value + Enough),
            () => $"packets of {string.Join(", ", before.Keys)} arrive: {Arrived}\n{_node.Lab.Manager!.Log}");
    }
}

using System.Net.Sockets;
using System.Text.Json.Nodes;
using ACCOffload.Services.Tests.Support;
using ACCOffload.TestKit.Cluster;

namespace ACCOffload.Services.Tests.Faults;

/// <summary>
/// The API server is down, slow or has compacted its history: services keep their last known state and nothing is removed prematurely.
/// </summary>
public sealed class ApiServerTests(NodeFixture fixture) : IClassFixture<NodeFixture>, IAsyncLifetime
{
    private const string Web = "10.96.0.10:80";
    private const string Other = "10.96.0.20:80";

    private readonly List<HeldConnection> _held = [];
    private ServiceNode _node = null!;

    public async ValueTask InitializeAsync()
    {
        Needs.Lab();
        _node = await fixture.NodeAsync();
        await _node.SetClusterAsync(Before());
        foreach (var to in new[] { Web, Other })
        {
            _held.Add(await _node.From(3).HoldAsync(to));
            _held.Add(await _node.Host.HoldAsync(to));
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var held in _held)
        {
            await held.DisposeAsync();
        }

        if (_node is not null)
        {
            (_node.Api.Intercept, _node.Api.MaxPageSize, _node.Api.GoneAsEvent) = (null, int.MaxValue, false);
        }
    }

    [Fact]
    public async Task An_outage_changes_nothing_and_removals_are_applied_afterwards()
    {
        Needs.Lab();
        await _node.Api.StopAsync();
        _node.Api.ReplaceAll(After());
        await ErrorsAsync(4);
        await AssertBeforeAsync();

        await _node.Api.RestartAsync();
        await _node.SyncedAsync();
        await AssertAfterAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Removed_objects_are_pruned_only_after_the_new_list(bool goneAsEvent)
    {
        Needs.Lab();
        var release = new TaskCompletionSource();
        var asked = new TaskCompletionSource();
        _node.Api.GoneAsEvent = goneAsEvent;
        _node.Api.Intercept = async context =>
        {
            // The list of services arrives, the list of slices is delayed.
            if (context.Request.Query["watch"] == "true" || context.Request.Path != Kube.Slices)
            {
                return false;
            }

            asked.TrySetResult();
            await release.Task.WaitAsync(context.RequestAborted);
            return false;
        };
        var lists = _node.Api.CountLists(Kube.Services);
        // Watches break, and their resource versions are too old afterwards.
        await _node.Api.StopAsync();
        _node.Api.ReplaceAll(After());
        _node.Api.Compact();
        await _node.Api.RestartAsync();
        await asked.Task.WaitAsync(TimeSpan.FromSeconds(60));
        await AssertBeforeAsync(other: false);

        release.SetResult();
        await _node.SyncedAsync();
        await AssertAfterAsync();
        Assert.True(_node.Api.CountLists(Kube.Services) > lists);
    }

    [Fact]
    public async Task A_chunked_list_that_expires_is_requested_again()
    {
        Needs.Lab();
        var compactions = 0;
        _node.Api.MaxPageSize = 2;
        _node.Api.Intercept = context =>
        {
            // The chunk's version was compacted after the first chunk.
            if (context.Request.Query.ContainsKey("continue") && compactions++ == 0)
            {
                _node.Api.Put(Objects.Service("later", "10.96.7.7"));
                _node.Api.Compact();
            }

            return Task.FromResult(false);
        };
        var many = Enumerable.Range(0, 7).Select(i => Objects.Service($"many{i}", $"10.96.7.{100 + i}")).ToArray();
        await _node.Api.StopAsync();
        _node.Api.ReplaceAll([.. After(), .. many]);
        _node.Api.Compact();
        await _node.Api.RestartAsync();
        await _node.SyncedAsync();
        await AssertAfterAsync();
        await _node.AnswersAsync(_node.From(3), "10.96.7.106:80", Answer.Refused);
        await _node.AnswersAsync(_node.From(3), "10.96.7.7:80", Answer.Refused);
        Assert.True(compactions > 1, $"only {compactions} continued chunks");
        await _node.SetClusterAsync(After());
        await _node.AnswersAsync(_node.From(3), "10.96.7.106:80");
    }

    [Fact]
    public async Task The_tables_match_the_cluster_after_slow_responses_and_broken_connections()
    {
        Needs.Lab();
        var random = new Random(7);
        _node.Api.Intercept = async context =>
        {
            int milliseconds;
            lock (random)
            {
                milliseconds = random.Next(400);
            }

            await Task.Delay(milliseconds, context.RequestAborted);
            return false;
        };
        for (var i = 0; i < 6; i++)
        {
            _node.Api.ReplaceAll(i % 2 == 0 ? After() : Before());
            _node.Api.DropWatches();
            if (i % 3 == 2)
            {
                _node.Api.Compact();
            }

            await Task.Delay(150);
        }

        _node.Api.ReplaceAll(After());
        await _node.SyncedAsync(120);
        await AssertAfterAsync();
    }

    private JsonObject[] Before() =>
    [
        Objects.Service("web", "10.96.0.10"), Objects.Slice("s", "web", [_node.Endpoint(1), _node.Endpoint(2)]),
        Objects.Service("other", "10.96.0.20"), Objects.Slice("o", "other", [_node.Endpoint(4)]),
    ];

    /// <summary>The cluster after a backend and a service were removed.</summary>
    private JsonObject[] After() => [Objects.Service("web", "10.96.0.10"), Objects.Slice("s", "web", [_node.Endpoint(1)])];

    private async Task AssertBeforeAsync(bool other = true)
    {
        await _node.AnswersAsync(_node.From(3), Web, "1:8080", "2:8080");
        await _node.AnswersAsync(_node.Host, ProtocolType.Tcp, Web, "1:8080", "2:8080");
        if (other)
        {
            await _node.AnswersAsync(_node.From(3), Other, "4:8080");
        }

        await AssertFlowsContinueAsync();
    }

    private async Task AssertAfterAsync()
    {
        await _node.AnswersAsync(_node.From(3), Web, "1:8080");
        await _node.AnswersAsync(_node.Host, ProtocolType.Tcp, Web, "1:8080");
        await _node.AnswersAsync(_node.From(3), Other);
        await AssertFlowsContinueAsync();
    }

    private async Task AssertFlowsContinueAsync()
    {
        foreach (var held in _held)
        {
            await held.StillWorksAsync();
        }
    }

    private Task ErrorsAsync(int more)
    {
        long? first = null;
        return Eventually.TrueAsync(
            async () =>
            {
                var status = await _node.Lab.ControlAsync("status");
                var errors = status["watch"]!["kinds"]!.AsArray().Sum(k => k!["errors"]!.GetValue<long>());
                first ??= errors;
                return errors >= first + more;
            },
            "InfraManager reports that the API server is unavailable", 60);
    }
}

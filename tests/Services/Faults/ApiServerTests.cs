using System.Net.Sockets;
using System.Text.Json.Nodes;
using ACCOffload.InfraManager.Tests.Kubernetes;
using ACCOffload.Integration;
using ACCOffload.Integration.Lab;
using ACCOffload.Runtime.Tests;
using ACCOffload.Services.Tests.Support;

namespace ACCOffload.Services.Tests.Faults;

/// <summary>The API server is away, slow, or has forgotten: services go on as last known, and nothing is taken away on a guess.</summary>
public sealed class ApiServerTests(NodeFixture fixture) : IClassFixture<NodeFixture>, IAsyncLifetime
{
    private const string Web = "10.96.0.10:80";
    private const string Other = "10.96.0.20:80";

    private readonly List<HeldConnection> _held = [];
    private ServiceNode _node = null!;

    public async ValueTask InitializeAsync()
    {
        if (new RootFactAttribute().Skip is not null)
        {
            return;
        }

        _node = await fixture.NodeAsync();
        await _node.BecomeAsync(Before());
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

    [RootFact]
    public async Task Away_it_takes_nothing_with_it_and_back_again_tells_what_went_meanwhile()
    {
        await _node.Api.GoAwayAsync();
        _node.Api.Become(After());
        await ErrorsAsync(4);
        await AsBeforeAsync();

        await _node.Api.ComeBackAsync();
        await _node.SyncedAsync();
        await AsAfterAsync();
    }

    [RootTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_vanished_is_pruned_after_the_new_list_and_not_before(bool goneAsEvent)
    {
        var release = new TaskCompletionSource();
        var asked = new TaskCompletionSource();
        _node.Api.GoneAsEvent = goneAsEvent;
        _node.Api.Intercept = async context =>
        {
            // The services' list comes, the slices' is long in coming.
            if (context.Request.Query["watch"] == "true" || context.Request.Path != Kube.Slices)
            {
                return false;
            }

            asked.TrySetResult();
            await release.Task.WaitAsync(context.RequestAborted);
            return false;
        };
        var lists = _node.Api.Lists(Kube.Services);
        // Watches break, and then the versions that they had are too old.
        await _node.Api.GoAwayAsync();
        _node.Api.Become(After());
        _node.Api.Compact();
        await _node.Api.ComeBackAsync();
        await asked.Task.WaitAsync(TimeSpan.FromSeconds(60));
        await AsBeforeAsync(other: false);

        release.SetResult();
        await _node.SyncedAsync();
        await AsAfterAsync();
        Assert.True(_node.Api.Lists(Kube.Services) > lists);
    }

    [RootFact]
    public async Task A_list_in_chunks_that_expires_half_way_is_asked_for_again()
    {
        var compactions = 0;
        _node.Api.MaxPageSize = 2;
        _node.Api.Intercept = context =>
        {
            // A chunk of a version that was forgotten since the first.
            if (context.Request.Query.ContainsKey("continue") && compactions++ == 0)
            {
                _node.Api.Put(Objects.Service("later", "10.96.7.7"));
                _node.Api.Compact();
            }

            return Task.FromResult(false);
        };
        var many = Enumerable.Range(0, 7).Select(i => Objects.Service($"many{i}", $"10.96.7.{100 + i}")).ToArray();
        await _node.Api.GoAwayAsync();
        _node.Api.Become([.. After(), .. many]);
        _node.Api.Compact();
        await _node.Api.ComeBackAsync();
        await _node.SyncedAsync();
        await AsAfterAsync();
        await _node.AnswersAsync(_node.From(3), "10.96.7.106:80", Answer.Refused);
        await _node.AnswersAsync(_node.From(3), "10.96.7.7:80", Answer.Refused);
        Assert.True(compactions > 1, $"{compactions} further chunks");
        await _node.BecomeAsync(After());
        await _node.AnswersAsync(_node.From(3), "10.96.7.106:80");
    }

    [RootFact]
    public async Task Slow_answers_and_connections_that_break_all_the_time_end_in_the_clusters_state()
    {
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
            _node.Api.Become(i % 2 == 0 ? After() : Before());
            _node.Api.Drop();
            if (i % 3 == 2)
            {
                _node.Api.Compact();
            }

            await Task.Delay(150);
        }

        _node.Api.Become(After());
        await _node.SyncedAsync(120);
        await AsAfterAsync();
    }

    private JsonObject[] Before() =>
    [
        Objects.Service("web", "10.96.0.10"), Objects.Slice("s", "web", [_node.Endpoint(1), _node.Endpoint(2)]),
        Objects.Service("other", "10.96.0.20"), Objects.Slice("o", "other", [_node.Endpoint(4)]),
    ];

    /// <summary>A backend went and a service.</summary>
    private JsonObject[] After() => [Objects.Service("web", "10.96.0.10"), Objects.Slice("s", "web", [_node.Endpoint(1)])];

    private async Task AsBeforeAsync(bool other = true)
    {
        await _node.AnswersAsync(_node.From(3), Web, "1:8080", "2:8080");
        await _node.AnswersAsync(_node.Host, ProtocolType.Tcp, Web, "1:8080", "2:8080");
        if (other)
        {
            await _node.AnswersAsync(_node.From(3), Other, "4:8080");
        }

        await FlowsGoOnAsync();
    }

    private async Task AsAfterAsync()
    {
        await _node.AnswersAsync(_node.From(3), Web, "1:8080");
        await _node.AnswersAsync(_node.Host, ProtocolType.Tcp, Web, "1:8080");
        await _node.AnswersAsync(_node.From(3), Other);
        await FlowsGoOnAsync();
    }

    private async Task FlowsGoOnAsync()
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
            "inframanager notices that the API server is away", 60);
    }
}

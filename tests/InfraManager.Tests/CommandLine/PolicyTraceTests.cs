using ACCOffload.InfraManager.Control.Policy;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.Protos.V1;

namespace ACCOffload.InfraManager.Tests.CommandLine;

/// <summary>What a trace says about the numbers in the rows of policy.</summary>
public sealed class PolicyTraceTests : IAsyncLifetime
{
    private PolicyCtl _ctl = null!;

    public async ValueTask InitializeAsync()
    {
        _ctl = await PolicyCtl.StartAsync();
        await _ctl.SetAsync(PolicyCtl.Web);
    }

    public async ValueTask DisposeAsync() => await _ctl.DisposeAsync();

    [Fact]
    public async Task Numbers_are_translated_to_pods_peers_ports_and_rules()
    {
        var peer = Rows("peers").Single(r => ValueOf(r, "address") == "10.244.0.2");
        var port = Rows("ports").Single(r => ValueOf(r, "port") == "8080");
        var group = Rows("ingress_groups").First(r => ValueOf(r, "class") == ParamOf(peer, "class"));
        var verdict = Rows("verdicts").Single(
            r => ValueOf(r, "group") == ParamOf(group, "group") && ValueOf(r, "port_class") == ParamOf(port, "class"));
        var notes = await NotesAsync(Step(peer), Step(port), Step(group), Step(verdict));
        Assert.Equal($"class {ParamOf(peer, "class")}: of pods app In (client) of shop", notes[0]);
        Assert.Equal($"port class {ParamOf(port, "class")}: TCP 8080", notes[1]);
        Assert.Equal($"set {ValueOf(group, "set")}: ingress of shop/pod-1", notes[2]);
        Assert.Equal("rule NetworkPolicy shop/web ingress[0]", notes[3]);
    }

    [Fact]
    public async Task A_miss_names_the_default()
    {
        var set = ParamOf(Rows("pods").Single(r => r.Action.Alias == "to_isolated_pod"), "ingress_set");
        var missed = new TraceStep { Table = "verdicts", Key = { Value("group", set), Value("port_class", "0") }, Action = "default" };
        Assert.Equal($"group {set}: no row for this port, so tier NetworkPolicy default", Assert.Single(await NotesAsync(missed)));
    }

    [Fact]
    public async Task Numbers_that_are_not_in_use_are_said_to_be_so()
    {
        var notes = await NotesAsync(
            new TraceStep { Table = "peers", Hit = true, Params = { Value("class", "999999") } },
            new TraceStep { Table = "ports", Hit = true, Params = { Value("class", "9999") } },
            new TraceStep { Table = "egress_groups", Key = { Value("set", "88888") } },
            new TraceStep { Table = "verdicts", Hit = true, Params = { Value("rule", "77777") } },
            new TraceStep { Table = "routes", Hit = true, Params = { Value("rule", "1") } });
        Assert.All(notes.Take(4), n => Assert.EndsWith("is no longer in use", n, StringComparison.Ordinal));
        Assert.Empty(notes[4]);
    }

    [Fact]
    public async Task A_closed_pod_is_named_with_the_reason()
    {
        await _ctl.Core.AttachAsync(TestNode.Pod(9, 3) with { PodNamespace = "shop", PodUid = "uid-9" });
        var row = Rows("port_class").Single(r => ParamOf(r, "egress_set") == "4294967294");
        Assert.Equal(
            "shop/pod-9 is closed: the API server has not reported this pod yet", Assert.Single(await NotesAsync(Step(row))));
    }

    private IEnumerable<Entry> Rows(string table) => _ctl.Core.Target.Rows.Where(r => r.Table.Alias == table);

    private Task<List<string>> NotesAsync(params TraceStep[] steps)
    {
        var trace = new TraceReply();
        trace.Steps.AddRange(steps);
        Assert.True(TraceRules.AreAskedBy(trace));
        return _ctl.Core.Programmer.AskPolicyAsync(policy => TraceRules.NotesOf(trace, policy), default);
    }

    private static TraceStep Step(Entry row)
    {
        var step = new TraceStep { Table = row.Table.Alias, Hit = true, Action = row.Action.Alias };
        step.Key.AddRange(row.EnumerateMatch().Select(m => Value(m.Field.Name, m.ToValueString())));
        step.Params.AddRange(row.EnumerateParams().Select(p => Value(p.Param.Name, p.ToValueString())));
        return step;
    }

    private static NamedValue Value(string name, string value) => new() { Name = name, Value = value };

    private static string ValueOf(Entry row, string field) =>
        row.EnumerateMatch().Single(m => m.Field.Name == field).ToValueString();

    private static string ParamOf(Entry row, string name) => row.EnumerateParams()
        .Where(p => p.Param.Name == name).Select(p => p.ToValueString()).SingleOrDefault("");
}

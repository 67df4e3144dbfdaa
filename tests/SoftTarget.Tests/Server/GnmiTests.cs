using ACCOffload.SoftTarget.Tests.Support;
using Gnmi;
using Grpc.Core;
using Path = Gnmi.Path;

namespace ACCOffload.SoftTarget.Tests.Server;

/// <summary>Ports through gNMI.</summary>
public sealed class GnmiTests : IAsyncLifetime
{
    private TestTarget _target = null!;

    private gNMI.gNMIClient Client => _target.Client.Gnmi;

    public async ValueTask InitializeAsync() => _target = await TestTarget.StartAsync();

    public async ValueTask DisposeAsync() => await _target.DisposeAsync();

    internal static Path PathOf(string port, params string[] rest)
    {
        var path = new Path
        {
            Elem = { new PathElem { Name = "interfaces" }, new PathElem { Name = "virtual-interface", Key = { ["name"] = port } } },
        };
        path.Elem.Add(rest.Select(r => new PathElem { Name = r }));
        return path;
    }

    internal static SetRequest Add(string port, string type = "LINK") => new()
    {
        Update = { new Update { Path = PathOf(port, "config", "port-type"), Val = new TypedValue { StringVal = type } } },
    };

    private async Task<ulong> IdAsync(string port)
    {
        var response = await Client.GetAsync(new GetRequest { Path = { PathOf(port, "config", "tdi-portin-id") } });
        return Assert.Single(Assert.Single(response.Notification).Update).Val.UintVal;
    }

    private static async Task Expect(StatusCode code, string naming, Func<Task> call)
    {
        var e = await Assert.ThrowsAsync<RpcException>(call);
        Assert.Equal(code, e.StatusCode);
        Assert.Contains(naming, e.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ports_are_numbered_from_one()
    {
        await Client.SetAsync(Add("a"));
        await Client.SetAsync(Add("b", "TAP"));
        Assert.Equal(1u, await IdAsync("a"));
        Assert.Equal(2u, await IdAsync("b"));
        await Client.SetAsync(Add("a"));
        Assert.Equal(1u, await IdAsync("a"));
    }

    [Fact]
    public async Task The_target_reports_its_own_state()
    {
        var reply = await Client.GetAsync(new GetRequest { Path = { new Path { Elem = { new PathElem { Name = "soft-target" } } } } });
        var values = Assert.Single(reply.Notification).Update.ToDictionary(
            u => string.Join('/', u.Path.Elem.Select(e => e.Name)), u => u.Val);
        Assert.Equal("", values["soft-target/state/fault"].StringVal);
        Assert.Equal(0u, values["soft-target/state/truncated"].UintVal);
    }

    [Fact]
    public async Task A_released_number_is_not_reused_soon()
    {
        await Client.SetAsync(Add("a"));
        await Client.SetAsync(new SetRequest { Delete = { PathOf("a") } });
        await Expect(StatusCode.NotFound, "[name=a]", () => IdAsync("a"));
        await Client.SetAsync(Add("a"));
        Assert.Equal(2u, await IdAsync("a"));
    }

    [Fact]
    public async Task All_ports_are_listed()
    {
        await Client.SetAsync(Add("a"));
        await Client.SetAsync(Add("b"));
        var response = await Client.GetAsync(new GetRequest { Path = { PathOf("*", "config", "tdi-portout-id") } });
        Assert.Equal(
            [("a", 1ul), ("b", 2ul)],
            response.Notification.Single().Update.Select(u => (u.Path.Elem[1].Key["name"], u.Val.UintVal)));
    }

    [Fact]
    public async Task A_port_reports_its_config_and_state()
    {
        await Client.SetAsync(Add("a"));
        var response = await Client.GetAsync(new GetRequest { Prefix = PathOf("a"), Path = { new Path() } });
        var values = response.Notification.Single().Update.ToDictionary(u => u.Path.Elem[^1].Name, u => u.Val);
        Assert.Equal("a", values["name"].StringVal);
        Assert.Equal("LINK", values["port-type"].StringVal);
        Assert.Equal("DOWN", values["oper-status"].StringVal);
        Assert.Equal(0u, values["in-pkts"].UintVal);
    }

    [Fact]
    public async Task A_refused_Set_changes_nothing()
    {
        await using var target = await TestTarget.StartAsync(o => o with { CpuPort = 4 });
        var client = target.Client.Gnmi;
        foreach (var port in new[] { "a", "b" })
        {
            await client.SetAsync(Add(port));
        }

        // There is one free number left, and a deleted port would not get its own back.
        var request = Add("c");
        request.Update.Add(Add("d").Update);
        request.Delete.Add(PathOf("a"));
        await Expect(StatusCode.ResourceExhausted, "[name=d]", () => client.SetAsync(request).ResponseAsync);
        Assert.Equal(["a 1", "b 2"], Ports());

        var both = Add("a");
        both.Delete.Add(PathOf("a"));
        await Expect(StatusCode.InvalidArgument, "[name=a]: is both deleted and created", () => client.SetAsync(both).ResponseAsync);
        Assert.Equal(["a 1", "b 2"], Ports());

        var valid = Add("c");
        valid.Delete.Add(PathOf("a"));
        var response = await client.SetAsync(valid);
        Assert.Equal(
            [UpdateResult.Types.Operation.Delete, UpdateResult.Types.Operation.Update], response.Response.Select(r => r.Op));
        Assert.Equal(["b 2", "c 3"], Ports());

        IEnumerable<string> Ports() => client.Get(new GetRequest { Path = { PathOf("*") } }).Notification.Single().Update
            .Where(u => u.Path.Elem[^1].Name == "tdi-portin-id").Select(u => $"{u.Path.Elem[1].Key["name"]} {u.Val.UintVal}");
    }

    [Fact]
    public async Task Invalid_requests_are_rejected_and_change_nothing()
    {
        await Expect(StatusCode.NotFound, "[name=x]", () => Client.SetAsync(new SetRequest { Delete = { PathOf("x") } }).ResponseAsync);
        await Expect(StatusCode.InvalidArgument, "1 to 15", () => Client.SetAsync(Add("a-name-far-too-long")).ResponseAsync);
        await Expect(StatusCode.InvalidArgument, "slashes", () => Client.SetAsync(Add("a/b")).ResponseAsync);
        await Expect(StatusCode.InvalidArgument, "single port", () => Client.SetAsync(Add("*")).ResponseAsync);
        await Expect(StatusCode.InvalidArgument, "expected a string", () => Client.SetAsync(Add("a", "")).ResponseAsync);
        await Expect(StatusCode.InvalidArgument, "not known", () =>
            Client.GetAsync(new GetRequest { Path = { PathOf("a", "config", "colour") } }).ResponseAsync);
        await Expect(StatusCode.InvalidArgument, "can't be set", () => Client.SetAsync(new SetRequest
        {
            Update = { new Update { Path = PathOf("a", "config", "tdi-portin-id"), Val = new TypedValue { UintVal = 4 } } },
        }).ResponseAsync);
        await Expect(StatusCode.InvalidArgument, "interfaces/virtual-interface", () =>
            Client.GetAsync(new GetRequest { Path = { new Path() } }).ResponseAsync);
        var both = Add("a");
        both.Delete.Add(PathOf("x"));
        await Expect(StatusCode.NotFound, "[name=x]", () => Client.SetAsync(both).ResponseAsync);
        await Expect(StatusCode.NotFound, "[name=a]", () => IdAsync("a"));
    }
}

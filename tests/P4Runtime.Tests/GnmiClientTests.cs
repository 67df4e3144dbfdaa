using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Ports;
using ACCOffload.P4Runtime.Tests.Support;
using Gnmi;
using Grpc.Core;

namespace ACCOffload.P4Runtime.Tests;

public sealed class GnmiClientTests
{
    [Fact]
    public async Task Ports_are_added_found_and_removed()
    {
        await using var target = await TestTarget.StartAsync();
        await using var client = new GnmiClient(target.Endpoint());
        await client.AddPortAsync("acc1", default);
        await client.AddPortAsync("acc2", [new("port-type", "TAP"), new("mtu", "1500")], default);
        Assert.Equal(1u, await client.GetPortIdAsync("acc1", default));
        Assert.Null(await client.GetPortIdAsync("acc3", default));
        Assert.Equal(new Dictionary<string, uint> { ["acc1"] = 1, ["acc2"] = 2 }, await client.GetPortsAsync(default));
        await client.RemovePortAsync("acc1", default);
        await client.RemovePortAsync("acc1", default);
        Assert.Equal(["acc2"], (await client.GetPortsAsync(default)).Keys);

        var sets = target.Behaviour.GnmiSets.ToArray();
        Assert.Equal("LINK", sets[0].Update.Single().Val.StringVal);
        Assert.Equal(["interfaces", "virtual-interface", "config", "port-type"], sets[0].Update.Single().Path.Elem.Select(e => e.Name));
        Assert.Equal(1500, sets[1].Update[1].Val.IntVal);
        Assert.Equal(["interfaces", "virtual-interface"], sets[2].Delete.Single().Elem.Select(e => e.Name));
    }

    [Theory]
    [InlineData(StatusCode.AlreadyExists, "exists", true)]
    [InlineData(StatusCode.InvalidArgument, "MTU is already set or PORT is already configured", true)]
    [InlineData(StatusCode.InvalidArgument, "The path (/interfaces) is unsupported!", false)]
    public async Task Adding_an_existing_port_succeeds(StatusCode code, string text, bool succeeds)
    {
        await using var target = await TestTarget.StartAsync(
            new TargetBehaviour { OnGnmiSet = _ => throw new RpcException(new Status(code, text)) });
        await using var client = new GnmiClient(target.Endpoint());

        if (succeeds)
        {
            await client.AddPortAsync("TAP0", default);
        }
        else
        {
            Assert.Equal(code, (await Assert.ThrowsAsync<P4RuntimeException>(() => client.AddPortAsync("TAP0", default))).Code);
        }
    }

    [Fact]
    public async Task An_answer_with_a_path_prefix_is_accepted_and_a_malformed_one_is_not()
    {
        var value = new TypedValue { IntVal = 7 };
        await using var target = await TestTarget.StartAsync(new TargetBehaviour
        {
            OnGnmiGet = _ => new GetResponse
            {
                Notification =
                {
                    new Notification
                    {
                        Prefix = new Gnmi.Path
                        {
                            Elem =
                            {
                                new PathElem { Name = "interfaces" },
                                new PathElem { Name = "virtual-interface", Key = { ["name"] = "x" } },
                            },
                        },
                        Update =
                        {
                            new Update
                            {
                                Path = new Gnmi.Path
                                {
                                    Elem = { new PathElem { Name = "config" }, new PathElem { Name = "tdi-portin-id" } },
                                },
                                Val = value,
                            },
                            new Update
                            {
                                Path = new Gnmi.Path { Elem = { new PathElem { Name = "mtu" } } },
                                Val = new TypedValue { StringVal = "other" },
                            },
                        },
                    },
                },
            },
        });
        await using var client = new GnmiClient(target.Endpoint());
        Assert.Equal(7u, await client.GetPortIdAsync("x", default));
        foreach (var bad in new[]
        {
            new TypedValue { IntVal = -1 },
            new TypedValue { UintVal = 1ul << 32 },
            new TypedValue { StringVal = "7" },
            new TypedValue(),
        })
        {
            value = bad;
            var e = await Assert.ThrowsAsync<P4RuntimeException>(() => client.GetPortIdAsync("x", default));
            Assert.Equal(StatusCode.DataLoss, e.Code);
        }
    }

    [Fact]
    public async Task An_unavailable_target_is_reported_and_found_when_it_is_back()
    {
        var socket = TestTarget.NewSocketPath();
        await using var client = new GnmiClient(new TargetEndpoint { Address = "unix:" + socket });
        var e = await Assert.ThrowsAsync<P4RuntimeException>(() => client.AddPortAsync("acc1", default));
        Assert.Equal(StatusCode.Unavailable, e.Code);
        Assert.Contains("adding port acc1 failed", e.Message, StringComparison.Ordinal);
        await using var target = await TestTarget.StartAsync(socket: socket);
        await client.AddPortAsync("acc1", default);
        await Assert.ThrowsAsync<ArgumentException>(() => client.GetPortIdAsync("", default));
        await client.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => client.GetPortsAsync(default));
    }
}

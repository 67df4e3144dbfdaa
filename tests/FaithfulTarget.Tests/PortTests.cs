using ACCOffload.FaithfulTarget.Tests.Support;
using Gnmi;
using Grpc.Core;
using static ACCOffload.FaithfulTarget.Tests.Support.RawClient;

namespace ACCOffload.FaithfulTarget.Tests;

/// <summary>Behaviours 3 to 6: ports.</summary>
public sealed class PortTests
{
    private static readonly TypedValue Tap = Text("TAP");

    [Theory]
    [InlineData("TAP0")]
    [InlineData("P4TAP_0")]
    [InlineData("net_vhost0")]
    public async Task Ports_of_the_chassis_configuration_exist(string name)
    {
        await using var fixture = await TargetFixture.StartAsync();
        await fixture.Client.MakeTapAsync(name);
        Assert.Equal([name], fixture.Target.Ports.Keys);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Other_ports_do_not_exist(bool on)
    {
        await using var fixture = await TargetFixture.StartAsync(new FaithfulBehaviours { KnowsOnlyConfiguredPorts = on });
        if (!on)
        {
            await fixture.Client.MakeTapAsync("pod1");
            Assert.Equal(0u, await fixture.Client.PortNumberAsync("pod1"));
            return;
        }

        var e = await FailsAsync(StatusCode.InvalidArgument, () => fixture.Client.MakeTapAsync("pod1"));
        Assert.Equal("The path (/interfaces/virtual-interface[name=pod1]/config/port-type) is unsupported!", e.Status.Detail);
        await FailsAsync(StatusCode.InvalidArgument, () => fixture.Client.PortNumberAsync("pod1"));
        Assert.Empty(fixture.Target.Ports);
    }

    [Fact]
    public async Task A_tap_is_created_as_soon_as_its_type_arrives()
    {
        await using var fixture = await TargetFixture.StartAsync();
        var e = await FailsAsync(StatusCode.InvalidArgument,
            () => fixture.Client.SetPortAsync("TAP0", ("port-type", Tap), ("mtu", new TypedValue { IntVal = 1400 })));
        Assert.Equal("MTU is already set or PORT is already configured", e.Status.Detail);
        Assert.Equal(1500, fixture.Target.Mtus["TAP0"]);

        // With the type last the other attributes apply.
        await fixture.Client.SetPortAsync("TAP1", ("mtu", new TypedValue { IntVal = 1400 }), ("pipeline-name", Text("pipe")),
            ("port-type", Tap));
        Assert.Equal(1400, fixture.Target.Mtus["TAP1"]);
    }

    [Fact]
    public async Task A_set_can_be_atomic()
    {
        await using var fixture = await TargetFixture.StartAsync(new FaithfulBehaviours { MakesTapAtPortType = false });
        await fixture.Client.SetPortAsync("TAP0", ("port-type", Tap), ("mtu", new TypedValue { IntVal = 1400 }));
        Assert.Equal(1400, fixture.Target.Mtus["TAP0"]);
        await FailsAsync(StatusCode.InvalidArgument, () => fixture.Client.SetPortAsync("TAP1", ("port-type", Tap), ("no-such-leaf", Tap)));
        Assert.Equal(["TAP0"], fixture.Target.Ports.Keys);
    }

    [Theory]
    [InlineData(true, 0)]
    [InlineData(false, 1400)]
    public async Task An_unsigned_mtu_is_read_as_zero(bool on, long mtu)
    {
        await using var fixture = await TargetFixture.StartAsync(new FaithfulBehaviours { ReadsMtuAsIntOnly = on });
        await fixture.Client.SetPortAsync("TAP0", ("mtu", new TypedValue { UintVal = 1400 }), ("port-type", Tap));
        Assert.Equal(mtu, fixture.Target.Mtus["TAP0"]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_link_without_its_device_is_not_created(bool on)
    {
        await using var fixture = await TargetFixture.StartAsync(new FaithfulBehaviours { LinkNeedsPciBdf = on });
        await fixture.Client.SetPortAsync("TAP0", ("port-type", Text("LINK")));
        Assert.Equal(on ? 0 : 1, fixture.Target.Ports.Count);
        await fixture.Client.SetPortAsync("TAP1", ("pci-bdf", Text("0000:01:00.0")), ("port-type", Text("LINK")));
        Assert.Contains("TAP1", fixture.Target.Ports.Keys);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_existing_port_cannot_be_set_again(bool on)
    {
        await using var fixture = await TargetFixture.StartAsync(new FaithfulBehaviours { RefusesRepeatedSets = on });
        await fixture.Client.MakeTapAsync("TAP0");
        if (on)
        {
            Assert.EndsWith("already configured",
                (await FailsAsync(StatusCode.InvalidArgument, () => fixture.Client.MakeTapAsync("TAP0"))).Status.Detail,
                StringComparison.Ordinal);
        }
        else
        {
            await fixture.Client.MakeTapAsync("TAP0");
        }

        Assert.Single(fixture.Target.Ports);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Ports_cannot_be_deleted(bool on)
    {
        await using var fixture = await TargetFixture.StartAsync(new FaithfulBehaviours { RefusesPortDeletes = on });
        await fixture.Client.MakeTapAsync("TAP0");
        var path = PathOf("TAP0", "");
        path.Elem.RemoveAt(3);
        path.Elem.RemoveAt(2);
        var request = new SetRequest { Delete = { path } };
        if (on)
        {
            Assert.Equal("unsupported mode: DELETE",
                (await FailsAsync(StatusCode.Unknown, async () => await fixture.Client.Gnmi.SetAsync(request))).Status.Detail);
        }
        else
        {
            await fixture.Client.Gnmi.SetAsync(request);
        }

        Assert.Equal(on, fixture.Target.Ports.ContainsKey("TAP0"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Port_wildcards_are_unsupported(bool on)
    {
        await using var fixture = await TargetFixture.StartAsync(new FaithfulBehaviours { RefusesPortWildcards = on });
        await fixture.Client.MakeTapAsync("TAP1");
        if (on)
        {
            Assert.EndsWith("is unsupported!",
                (await FailsAsync(StatusCode.InvalidArgument, () => fixture.Client.PortNumberAsync("*"))).Status.Detail,
                StringComparison.Ordinal);
        }
        else
        {
            Assert.Equal(0u, await fixture.Client.PortNumberAsync("*"));
        }

        await FailsAsync(StatusCode.InvalidArgument, () => fixture.Client.MakeTapAsync("*"));
    }

    [Fact]
    public async Task The_first_port_has_the_number_of_a_missing_port()
    {
        await using var fixture = await TargetFixture.StartAsync();
        Assert.Equal(0u, await fixture.Client.PortNumberAsync("TAP5"));
        await fixture.Client.MakeTapAsync("TAP0");
        await fixture.Client.MakeTapAsync("TAP1");
        Assert.Equal(0u, await fixture.Client.PortNumberAsync("TAP0"));
        Assert.Equal(1u, await fixture.Client.PortNumberAsync("TAP1"));
        Assert.Equal(0u, await fixture.Client.PortNumberAsync("TAP5"));
        Assert.Equal(new Dictionary<string, uint> { ["TAP0"] = 0, ["TAP1"] = 1 }, fixture.Target.Ports);
    }

    [Fact]
    public async Task Numbers_can_start_at_one_with_missing_ports_not_found()
    {
        await using var fixture =
            await TargetFixture.StartAsync(new FaithfulBehaviours { FirstPortIsZero = false, ReportsAbsentPortsAsZero = false });
        await FailsAsync(StatusCode.NotFound, () => fixture.Client.PortNumberAsync("TAP0"));
        await fixture.Client.MakeTapAsync("TAP0");
        Assert.Equal(1u, await fixture.Client.PortNumberAsync("TAP0"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task No_port_can_be_created_after_the_push(bool on)
    {
        await using var fixture = await TargetFixture.StartWithPipelineAsync(new FaithfulBehaviours { RefusesPortsAfterPush = on });
        if (on)
        {
            Assert.StartsWith("'bf_status' failed",
                (await FailsAsync(StatusCode.InvalidArgument, () => fixture.Client.MakeTapAsync("TAP1"))).Status.Detail,
                StringComparison.Ordinal);
        }
        else
        {
            await fixture.Client.MakeTapAsync("TAP1");
        }

        Assert.Equal(on ? 1 : 2, fixture.Target.Ports.Count);
    }
}

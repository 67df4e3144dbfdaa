using ACCOffload.FaithfulTarget.Tests.Support;
using Google.Protobuf;
using Grpc.Core;
using P4.V1;
using static ACCOffload.FaithfulTarget.Tests.Support.RawClient;

namespace ACCOffload.FaithfulTarget.Tests;

/// <summary>Behaviours 1, 2, 7, 8 and 17: the pipeline.</summary>
public sealed class PushTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_device_config_must_be_valid(bool on)
    {
        await using var fixture = await TargetFixture.StartAsync(new FaithfulBehaviours { ParsesDeviceConfig = on });
        await fixture.Client.BidAsync();
        await fixture.Client.MakeTapAsync("TAP0");
        var config = SmallPipeline.Config();
        config.P4DeviceConfig = ByteString.CopyFromUtf8("no pipeline");
        if (on)
        {
            await FailsAsync(StatusCode.InvalidArgument, () => fixture.Client.PushAsync(config));
        }
        else
        {
            await fixture.Client.PushAsync(config);
        }

        Assert.Equal(!on, fixture.Target.Pipeline is not null);
    }

    [Theory]
    [InlineData("")]
    [InlineData("  ")]
    [InlineData("p4c-dpdk k8s_dp.p4")]
    [InlineData("p4c-dpdk --arch")]
    public async Task A_compile_command_without_an_architecture_crashes_the_target(string command)
    {
        await using var fixture = await TargetFixture.StartAsync();
        await fixture.Client.BidAsync();
        await fixture.Client.MakeTapAsync("TAP0");
        await FailsAsync(StatusCode.Unavailable, () => fixture.Client.PushAsync(SmallPipeline.Config(command)));
        Assert.Contains("compile_command", await fixture.DeathAsync(), StringComparison.Ordinal);
        Assert.False(fixture.Target.IsAlive);

        fixture.Reconnect();
        await FailsAsync(StatusCode.Unavailable, () => fixture.Client.PortNumberAsync("TAP0"));
    }

    [Fact]
    public async Task A_blank_compile_command_is_accepted_if_it_is_not_read()
    {
        await using var fixture = await TargetFixture.StartAsync(new FaithfulBehaviours { CrashesOnBlankCompileCommand = false });
        await fixture.Client.BidAsync();
        await fixture.Client.MakeTapAsync("TAP0");
        await fixture.Client.PushAsync(SmallPipeline.Config(""));
        Assert.True(fixture.Target.IsAlive);
    }

    [Fact]
    public async Task The_number_of_ports_must_be_a_power_of_two()
    {
        await using var fixture = await TargetFixture.StartAsync();
        await fixture.Client.BidAsync();
        var none = await FailsAsync(StatusCode.Internal, () => fixture.Client.PushAsync());
        Assert.Equal("Pipeline build failed", none.Status.Detail);
        for (var i = 0; i < 3; i++)
        {
            await fixture.Client.MakeTapAsync($"TAP{i}");
        }

        await FailsAsync(StatusCode.Internal, () => fixture.Client.PushAsync());
        Assert.Null(fixture.Target.Pipeline);

        // Adding the missing port fixes it.
        await fixture.Client.MakeTapAsync("TAP3");
        await fixture.Client.PushAsync();
        Assert.Equal(3, fixture.Target.Pushes);
        Assert.Equal(SmallPipeline.Config(), fixture.Target.Pipeline);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public async Task Any_number_of_ports_works_with_the_behaviour_off(int ports)
    {
        await using var fixture = await TargetFixture.StartAsync(new FaithfulBehaviours { NeedsPowerOfTwoPorts = false });
        await fixture.Client.BidAsync();
        for (var i = 0; i < ports; i++)
        {
            await fixture.Client.MakeTapAsync($"TAP{i}");
        }

        await fixture.Client.PushAsync();
    }

    [Fact]
    public async Task A_second_push_fails_and_the_next_read_crashes_the_target()
    {
        await using var fixture = await TargetFixture.StartWithPipelineAsync();
        var second = await FailsAsync(StatusCode.Internal, () => fixture.Client.PushAsync());
        Assert.StartsWith("'bf_pal_device_add(", second.Status.Detail, StringComparison.Ordinal);
        Assert.True(fixture.Target.IsAlive);
        await FailsAsync(StatusCode.Unavailable, () => fixture.Client.ReadTableAsync(SmallPipeline.First));
        Assert.Contains("Read", await fixture.DeathAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_second_push_can_fail_without_a_crash()
    {
        await using var fixture =
            await TargetFixture.StartWithPipelineAsync(new FaithfulBehaviours { CrashesOnReadAfterSecondPush = false });
        await FailsAsync(StatusCode.Internal, () => fixture.Client.PushAsync());
        Assert.Empty(await fixture.Client.ReadTableAsync(SmallPipeline.First));
    }

    [Fact]
    public async Task A_second_push_can_replace_the_pipeline()
    {
        await using var fixture = await TargetFixture.StartWithPipelineAsync(new FaithfulBehaviours { RefusesSecondPush = false });
        await fixture.Client.WriteAsync(P4.V1.Update.Types.Type.Insert, SmallPipeline.Row(SmallPipeline.First, 1, 1));
        await fixture.Client.PushAsync(SmallPipeline.Config(cookie: 8));
        Assert.Empty(await fixture.Client.ReadTableAsync(SmallPipeline.First));
        Assert.Equal(8u, fixture.Target.Pipeline!.Cookie.Cookie_);
    }

    [Fact]
    public async Task Getting_the_pipeline_fails_if_there_is_none()
    {
        var request = new GetForwardingPipelineConfigRequest { DeviceId = 1 };
        await using (var fixture = await TargetFixture.StartAsync())
        {
            await FailsAsync(StatusCode.FailedPrecondition, async () => await fixture.Client.P4.GetForwardingPipelineConfigAsync(request));
            await FailsAsync(StatusCode.FailedPrecondition, () => fixture.Client.ReadTableAsync(SmallPipeline.First));
            await fixture.Client.BidAsync();
            await FailsAsync(StatusCode.FailedPrecondition,
                () => fixture.Client.WriteAsync(P4.V1.Update.Types.Type.Insert, SmallPipeline.Row(SmallPipeline.First, 1, 1)));
            await fixture.Client.MakeTapAsync("TAP0");
            await fixture.Client.PushAsync();
            Assert.Equal(SmallPipeline.Config(), (await fixture.Client.P4.GetForwardingPipelineConfigAsync(request)).Config);
            request.ResponseType = GetForwardingPipelineConfigRequest.Types.ResponseType.CookieOnly;
            Assert.Equal(new ForwardingPipelineConfig { Cookie = SmallPipeline.Config().Cookie },
                (await fixture.Client.P4.GetForwardingPipelineConfigAsync(request)).Config);
        }

        await using var other = await TargetFixture.StartAsync(new FaithfulBehaviours { RefusesGetWithoutPipeline = false });
        Assert.Null((await other.Client.P4.GetForwardingPipelineConfigAsync(request)).Config);
    }

    [Theory]
    [InlineData(true, "P4RUNTIME_VER")]
    [InlineData(false, "1.3.0")]
    public async Task Capabilities_reports_the_macro_name_as_version(bool on, string version)
    {
        await using var fixture = await TargetFixture.StartAsync(new FaithfulBehaviours { ReportsMacroNameAsVersion = on });
        Assert.Equal(version, (await fixture.Client.P4.CapabilitiesAsync(new CapabilitiesRequest { DeviceId = 1 })).P4RuntimeApiVersion);
    }
}

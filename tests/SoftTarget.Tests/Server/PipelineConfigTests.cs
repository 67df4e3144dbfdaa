using ACCOffload.SoftTarget.Tests.Support;
using Google.Protobuf;
using Grpc.Core;
using P4.V1;
using ConfigAction = P4.V1.SetForwardingPipelineConfigRequest.Types.Action;
using ResponseType = P4.V1.GetForwardingPipelineConfigRequest.Types.ResponseType;

namespace ACCOffload.SoftTarget.Tests.Server;

public sealed class PipelineConfigTests
{
    private static readonly TestPipeline Pipeline = TestPipeline.Conformance;

    [Fact]
    public async Task Capabilities_return_the_version()
    {
        await using var target = await TestTarget.StartAsync();
        Assert.Equal("1.5.0", (await target.Client.P4.CapabilitiesAsync(new CapabilitiesRequest())).P4RuntimeApiVersion);
    }

    [Fact]
    public async Task Before_the_first_push_there_is_no_config_and_nothing_to_read_or_write()
    {
        await using var target = await TestTarget.StartAsync();
        await target.Client.BecomePrimaryAsync();
        Assert.Null((await GetAsync(target, ResponseType.All)).Config);
        await Expect(StatusCode.FailedPrecondition, () => target.Client.P4.WriteAsync(TargetClient.Request()).ResponseAsync);
        await Expect(StatusCode.FailedPrecondition, () => target.Client.ReadAsync(new Entity { TableEntry = new TableEntry() }));
    }

    [Fact]
    public async Task Each_response_type_returns_its_parts()
    {
        await using var target = await TestTarget.StartAsync(Pipeline);
        var config = Pipeline.Config();
        var all = (await GetAsync(target, ResponseType.All)).Config;
        Assert.Equal(config, all);
        var cookie = (await GetAsync(target, ResponseType.CookieOnly)).Config;
        Assert.Equal(new ForwardingPipelineConfig { Cookie = config.Cookie }, cookie);
        var info = (await GetAsync(target, ResponseType.P4InfoAndCookie)).Config;
        Assert.Equal(new ForwardingPipelineConfig { Cookie = config.Cookie, P4Info = config.P4Info }, info);
        var device = (await GetAsync(target, ResponseType.DeviceConfigAndCookie)).Config;
        Assert.Equal(new ForwardingPipelineConfig { Cookie = config.Cookie, P4DeviceConfig = config.P4DeviceConfig }, device);
    }

    [Fact]
    public async Task A_second_push_is_rejected_and_the_first_stays()
    {
        await using var target = await TestTarget.StartAsync(Pipeline);
        await Expect(StatusCode.FailedPrecondition, () => target.Client.PushAsync(Pipeline.Config(2)));
        await Expect(StatusCode.FailedPrecondition, () => SetAsync(target, ConfigAction.VerifyAndSave, Pipeline.Config(2)));
        Assert.Equal(0xC00C1Eu, (await GetAsync(target, ResponseType.CookieOnly)).Config.Cookie.Cookie_);
        await SetAsync(target, ConfigAction.Verify, Pipeline.Config(2));
    }

    [Fact]
    public async Task Verify_changes_nothing()
    {
        await using var target = await TestTarget.StartAsync();
        await target.Client.BecomePrimaryAsync();
        await SetAsync(target, ConfigAction.Verify, Pipeline.Config());
        Assert.Null((await GetAsync(target, ResponseType.All)).Config);
        await Expect(StatusCode.NotFound, () => SetAsync(target, ConfigAction.Commit, null));
    }

    [Fact]
    public async Task A_saved_config_is_committed_later()
    {
        await using var target = await TestTarget.StartAsync();
        await target.Client.BecomePrimaryAsync();
        await SetAsync(target, ConfigAction.VerifyAndSave, Pipeline.Config());
        Assert.Null((await GetAsync(target, ResponseType.All)).Config);
        await Expect(StatusCode.InvalidArgument, () => SetAsync(target, ConfigAction.Commit, Pipeline.Config()));
        await SetAsync(target, ConfigAction.Commit, null);
        Assert.NotNull((await GetAsync(target, ResponseType.All)).Config);
    }

    [Theory]
    [InlineData(ConfigAction.Unspecified, StatusCode.InvalidArgument)]
    [InlineData(ConfigAction.ReconcileAndCommit, StatusCode.Unimplemented)]
    [InlineData((ConfigAction)99, StatusCode.InvalidArgument)]
    public async Task Other_actions_are_refused(ConfigAction action, StatusCode expected)
    {
        await using var target = await TestTarget.StartAsync();
        await target.Client.BecomePrimaryAsync();
        await Expect(expected, () => SetAsync(target, action, Pipeline.Config()));
    }

    [Theory]
    [InlineData(0, 1, StatusCode.InvalidArgument)]
    [InlineData(2, 1, StatusCode.NotFound)]
    [InlineData(1, 0, StatusCode.InvalidArgument)]
    [InlineData(1, 7, StatusCode.PermissionDenied)]
    public async Task Only_the_primary_may_push(ulong device, ulong election, StatusCode expected)
    {
        await using var target = await TestTarget.StartAsync();
        await target.Client.BecomePrimaryAsync();
        await Expect(expected, () => target.Client.P4.SetForwardingPipelineConfigAsync(new SetForwardingPipelineConfigRequest
        {
            DeviceId = device,
            ElectionId = new Uint128 { Low = election },
            Action = ConfigAction.VerifyAndCommit,
            Config = Pipeline.Config(),
        }).ResponseAsync);
    }

    [Theory]
    [InlineData("@truncated_frames(1000000)")]
    [InlineData("@truncated_frames(x)")]
    public Task An_invalid_cell_for_truncated_frames_is_rejected(string annotation)
        => Refuse("does not refer to a cell that counts packets", c => c.P4Info.Counters[0].Preamble.Annotations.Add(annotation));

    [Fact]
    public Task A_missing_config_is_refused() => Refuse("config is missing", null);

    [Fact]
    public Task A_missing_p4info_is_refused() => Refuse("p4info is missing", c => c.P4Info = null);

    [Fact]
    public Task A_missing_device_config_is_refused() => Refuse("p4_device_config is empty", c => c.P4DeviceConfig = ByteString.Empty);

    [Fact]
    public Task A_device_config_of_another_kind_is_refused()
        => Refuse("not a tdi.PipelineConfig", c => c.P4DeviceConfig = ByteString.CopyFrom(0xFF, 0xFF));

    [Fact]
    public Task A_spec_that_does_not_parse_is_refused_with_its_line()
        => Refuse("line 1", c => c.P4DeviceConfig = TestPipeline.Device("nonsense {", Pipeline.Context));

    [Fact]
    public Task A_context_that_does_not_parse_is_refused()
        => Refuse("context.json", c => c.P4DeviceConfig = TestPipeline.Device(Pipeline.Spec, "{"u8.ToArray()));

    [Theory]
    [InlineData("null", "null")]
    [InlineData("""{"tables": null}""", "$.tables")]
    [InlineData("""{"tables": [null]}""", "tables[0]")]
    [InlineData("""{"tables": [{"name": null}]}""", "$.tables[0].name")]
    [InlineData("""{"tables": [{"name": "t", "actions": [{"name": "a"}, null]}]}""", "table t: actions[1]")]
    [InlineData("""{"externs": [null]}""", "externs[0]")]
    public async Task A_context_with_null_is_refused_by_field(string context, string naming)
    {
        await Refuse(naming, Change);
        await Refuse("p4_device_config: context.json: ", Change);

        void Change(ForwardingPipelineConfig c) =>
            c.P4DeviceConfig = TestPipeline.Device(Pipeline.Spec, System.Text.Encoding.UTF8.GetBytes(context));
    }

    [Fact]
    public Task A_table_without_a_preamble_is_refused()
        => Refuse("a table has no preamble", c => c.P4Info.Tables.First(t => t.ImplementationId != 0).Preamble = null);

    [Fact]
    public Task A_table_that_the_spec_lacks_is_refused_by_name()
        => RefuseSpec("table route", spec => spec.Replace("table route", "table rout", StringComparison.Ordinal));

    [Fact]
    public Task An_action_that_the_spec_lacks_is_refused_by_name()
        => Refuse(
            "conformance.mark", c => c.P4Info.Tables.Single(t => t.Preamble.Alias == "route").ActionRefs[0].Id = Pipeline.Action("mark"));

    [Fact]
    public Task A_field_of_another_width_is_refused_by_name()
        => Refuse(
            "field hdr.ethernet.dst_mac", c => c.P4Info.Tables.Single(t => t.Preamble.Alias == "bridge").MatchFields[0].Bitwidth = 32);

    [Fact]
    public Task A_field_of_another_kind_is_refused_by_name()
        => Refuse("field hdr.ipv4.dst_ip", c => c.P4Info.Tables.Single(
            t => t.Preamble.Alias == "route").MatchFields[0].MatchType = P4.Config.V1.MatchField.Types.MatchType.Exact);

    [Fact]
    public Task A_missing_field_is_refused()
        => Refuse("match fields", c => c.P4Info.Tables.Single(t => t.Preamble.Alias == "access").MatchFields.RemoveAt(0));

    [Fact]
    public Task A_field_that_the_context_does_not_know_is_refused()
        => Refuse("context.json", c => c.P4Info.Tables.Single(t => t.Preamble.Alias == "access").MatchFields[1].Name = "other");

    [Fact]
    public Task A_parameter_of_another_width_is_refused_by_name()
        => Refuse("parameter tag", c => c.P4Info.Actions.Single(a => a.Preamble.Alias == "mark").Params[0].Bitwidth = 48);

    [Fact]
    public Task A_counter_that_the_spec_lacks_is_refused_by_name()
        => Refuse("counter nothing", c =>
            c.P4Info.Counters[0].Preamble = new P4.Config.V1.Preamble { Id = 9, Name = "nothing", Alias = "nothing" });

    [Fact]
    public Task A_counter_larger_than_its_registers_is_refused() => Refuse("counter seen", c => c.P4Info.Counters[0].Size = 17);

    [Theory]
    [InlineData("access", "has a range field")]
    [InlineData("flows", "is filled by the data plane")]
    public Task A_direct_counter_on_a_table_whose_entries_have_no_cell_is_refused(string table, string reason)
        => Refuse($"direct counter bridge_counter: not supported on table {table}, which {reason}", c =>
            c.P4Info.DirectCounters[0].DirectTableId = c.P4Info.Tables.Single(t => t.Preamble.Alias == table).Preamble.Id);

    [Fact]
    public Task A_counter_without_a_preamble_is_refused()
        => Refuse("a counter has no preamble", c => c.P4Info.Counters[0].Preamble = null);

    [Fact]
    public Task A_direct_counter_without_a_preamble_is_refused()
        => Refuse("a counter has no preamble", c => c.P4Info.DirectCounters[0].Preamble = null);

    [Fact]
    public Task A_register_without_a_preamble_is_refused()
        => Refuse("a register has no preamble", c => c.P4Info.Registers[0].Preamble = null);

    [Fact]
    public Task A_range_of_more_than_64_bits_is_refused()
        => Refuse("has 65 bits; a range has at most 64", c => c.P4Info.Tables.Single(t => t.Preamble.Alias == "access")
            .MatchFields.Single(f => f.MatchType == P4.Config.V1.MatchField.Types.MatchType.Range).Bitwidth = 65);

    [Fact]
    public Task An_id_used_twice_is_refused()
        => Refuse("used twice", c => c.P4Info.Tables[1].Preamble.Id = c.P4Info.Tables[0].Preamble.Id);

    private static Task RefuseSpec(string naming, Func<string, string> change)
        => Refuse(naming, c => c.P4DeviceConfig = TestPipeline.Device(change(Pipeline.Spec), Pipeline.Context));

    private static async Task Refuse(string naming, Action<ForwardingPipelineConfig>? change)
    {
        await using var target = await TestTarget.StartAsync();
        await target.Client.BecomePrimaryAsync();
        var config = change is null ? null : Pipeline.Config().Clone();
        if (config is not null)
        {
            change!(config);
        }

        var e = await Assert.ThrowsAsync<RpcException>(() => SetAsync(target, ConfigAction.VerifyAndCommit, config));
        Assert.Equal(StatusCode.InvalidArgument, e.StatusCode);
        Assert.Contains(naming, e.Status.Detail, StringComparison.Ordinal);
        Assert.Null((await GetAsync(target, ResponseType.All)).Config);
    }

    private static async Task SetAsync(TestTarget target, ConfigAction action, ForwardingPipelineConfig? config)
        => await target.Client.P4.SetForwardingPipelineConfigAsync(new SetForwardingPipelineConfigRequest
        {
            DeviceId = TargetClient.DeviceId,
            ElectionId = new Uint128 { Low = 1 },
            Action = action,
            Config = config,
        });

    private static async Task<GetForwardingPipelineConfigResponse> GetAsync(TestTarget target, ResponseType type)
        => await target.Client.P4.GetForwardingPipelineConfigAsync(
            new GetForwardingPipelineConfigRequest { DeviceId = TargetClient.DeviceId, ResponseType = type });

    private static async Task Expect(StatusCode expected, Func<Task> call)
        => Assert.Equal(expected, (await Assert.ThrowsAsync<RpcException>(call)).StatusCode);
}

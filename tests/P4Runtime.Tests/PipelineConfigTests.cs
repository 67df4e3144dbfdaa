using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Session;
using ACCOffload.P4Runtime.TestKit;
using ACCOffload.P4Runtime.Tests.Support;
using ACCOffload.P4Wire;
using Grpc.Core;
using P4.V1;

namespace ACCOffload.P4Runtime.Tests;

public sealed class PipelineConfigTests
{
    private static readonly byte[] DeviceConfig = [1, 2, 3];

    [Fact]
    public async Task The_pipeline_is_pushed_to_an_empty_target_but_not_again_with_an_equal_cookie()
    {
        await using var target = await TestTarget.StartAsync();
        await using var session = await target.PrimaryAsync();
        Assert.Null(session.Pipeline);
        Assert.Equal(new PipelineCheck(true, null),
            await session.EnsurePipelineAsync(TestPipeline.Instance, DeviceConfig, 0xfeed, canReplace: true, beforePush: null, default));
        var push = Assert.Single(target.Behaviour.Pushes);
        Assert.Equal(SetForwardingPipelineConfigRequest.Types.Action.VerifyAndCommit, push.Action);
        Assert.Equal(DeviceConfig, push.Config.P4DeviceConfig.ToByteArray());
        Assert.Equal(0xfeedul, push.Config.Cookie.Cookie_);
        Assert.Equal(TestPipeline.Instance.Info, push.Config.P4Info);
        Assert.Equal(session.ElectionId, ElectionId.FromProto(push.ElectionId));

        Assert.Equal(new PipelineCheck(false, 0xfeed),
            await session.EnsurePipelineAsync(TestPipeline.Instance, DeviceConfig, 0xfeed, canReplace: true, beforePush: null, default));
        Assert.Single(target.Behaviour.Pushes);
        Assert.Same(TestPipeline.Instance, session.Pipeline);

        Assert.Equal(new PipelineCheck(true, 0xfeed),
            await session.EnsurePipelineAsync(TestPipeline.Instance, DeviceConfig, 0xbeef, canReplace: true, beforePush: null, default));
        Assert.Equal(2, target.Behaviour.Pushes.Count);
    }

    [Fact]
    public async Task The_error_explains_that_the_target_cannot_replace_its_pipeline()
    {
        await using var target = await TestTarget.StartAsync(new TargetBehaviour
        {
            Loaded = new ForwardingPipelineConfig { Cookie = new ForwardingPipelineConfig.Types.Cookie { Cookie_ = 1 } },
            OnPush = _ => throw new RpcException(new Status(StatusCode.FailedPrecondition, "only one push")),
        });
        await using var session = await target.PrimaryAsync();
        var e = await Assert.ThrowsAsync<P4RuntimeException>(
            () => session.EnsurePipelineAsync(TestPipeline.Instance, DeviceConfig, 2, canReplace: true, beforePush: null, default));
        Assert.Equal(StatusCode.FailedPrecondition, e.Code);
        Assert.Contains("another pipeline (cookie 0x0000000000000001)", e.Message, StringComparison.Ordinal);
        Assert.Contains("restart the target", e.Message, StringComparison.Ordinal);
        Assert.Null(session.Pipeline);
    }

    [Fact]
    public async Task Nothing_is_pushed_to_a_target_that_would_crash()
    {
        await using var target = await TestTarget.StartAsync();
        await using var session = await target.PrimaryAsync();
        Assert.Equal(new PipelineCheck(true, null),
            await session.EnsurePipelineAsync(TestPipeline.Instance, DeviceConfig, 1, canReplace: false, beforePush: null, default));
        Assert.Equal(new PipelineCheck(false, 1),
            await session.EnsurePipelineAsync(TestPipeline.Instance, DeviceConfig, 1, canReplace: false, beforePush: null, default));

        var e = await Assert.ThrowsAsync<P4RuntimeException>(
            () => session.EnsurePipelineAsync(TestPipeline.Instance, DeviceConfig, 2, canReplace: false, beforePush: null, default));
        Assert.Contains("another pipeline (cookie 0x0000000000000001)", e.Message, StringComparison.Ordinal);
        Assert.Contains("restart the target (infrap4d)", e.Message, StringComparison.Ordinal);
        target.Behaviour.Loaded = new ForwardingPipelineConfig { P4Info = TestPipeline.Instance.Info };
        e = await Assert.ThrowsAsync<P4RuntimeException>(
            () => session.EnsurePipelineAsync(TestPipeline.Instance, DeviceConfig, 2, canReplace: false, beforePush: null, default));
        Assert.Contains("a pipeline with an unknown cookie", e.Message, StringComparison.Ordinal);
        Assert.Single(target.Behaviour.Pushes);
    }

    [Fact]
    public async Task A_pipeline_without_a_cookie_is_taken_if_it_has_the_same_P4Info()
    {
        await using var target = await TestTarget.StartAsync();
        await using var session = await target.PrimaryAsync();
        Assert.False(await session.TakeUnmarkedAsync(TestPipeline.Instance, default));

        target.Behaviour.Loaded = new ForwardingPipelineConfig { P4Info = new P4.Config.V1.P4Info() };
        Assert.False(await session.TakeUnmarkedAsync(TestPipeline.Instance, default));
        Assert.Null(session.Pipeline);

        target.Behaviour.Loaded = new ForwardingPipelineConfig { P4Info = TestPipeline.Instance.Info };
        Assert.True(await session.TakeUnmarkedAsync(TestPipeline.Instance, default));
        Assert.Same(TestPipeline.Instance, session.Pipeline);

        target.Behaviour.Loaded = new ForwardingPipelineConfig
        {
            P4Info = TestPipeline.Instance.Info,
            Cookie = new ForwardingPipelineConfig.Types.Cookie { Cookie_ = 1 },
        };
        Assert.False(await session.TakeUnmarkedAsync(TestPipeline.Instance, default));
        Assert.Empty(target.Behaviour.Pushes);
    }

    [Fact]
    public async Task The_before_push_callback_runs_only_before_a_push()
    {
        await using var target = await TestTarget.StartAsync();
        await using var session = await target.PrimaryAsync();
        var before = 0;
        Task Prepare(CancellationToken cancellationToken)
        {
            before++;
            return target.Behaviour.Pushes.IsEmpty ? Task.CompletedTask
                : Task.FromException(new P4RuntimeException(StatusCode.InvalidArgument, "too late"));
        }

        await session.EnsurePipelineAsync(TestPipeline.Instance, DeviceConfig, 1, canReplace: true, Prepare, default);
        await session.EnsurePipelineAsync(TestPipeline.Instance, DeviceConfig, 1, canReplace: true, Prepare, default);
        Assert.Equal(1, before);
        await Assert.ThrowsAsync<P4RuntimeException>(
            () => session.EnsurePipelineAsync(TestPipeline.Instance, DeviceConfig, 2, canReplace: true, Prepare, default));
        Assert.Single(target.Behaviour.Pushes);
    }

    [Fact]
    public async Task A_push_that_fails_or_never_ends_is_an_error()
    {
        await using var target = await TestTarget.StartAsync(new TargetBehaviour
        {
            OnPush = _ => throw new RpcException(new Status(StatusCode.InvalidArgument, "bad context.json")),
        });
        await using var session = await target.PrimaryAsync(o => o with { PipelineTimeout = TimeSpan.FromMilliseconds(300) });
        var e = await Assert.ThrowsAsync<P4RuntimeException>(
            () => session.EnsurePipelineAsync(TestPipeline.Instance, DeviceConfig, 2, canReplace: true, beforePush: null, default));
        Assert.Equal("pushing pipeline test_dp failed: INVALID_ARGUMENT: bad context.json", e.Message);
        var release = new TaskCompletionSource();
        target.Behaviour.OnPush = _ => release.Task;
        e = await Assert.ThrowsAsync<P4RuntimeException>(
            () => session.EnsurePipelineAsync(TestPipeline.Instance, DeviceConfig, 2, canReplace: true, beforePush: null, default));
        Assert.Equal(StatusCode.DeadlineExceeded, e.Code);
        release.SetResult();
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(
            () => session.EnsurePipelineAsync(TestPipeline.Instance, DeviceConfig, 0, canReplace: true, beforePush: null, default));
    }
}

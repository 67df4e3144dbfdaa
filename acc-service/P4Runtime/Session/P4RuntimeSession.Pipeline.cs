using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Schema;
using Google.Protobuf;
using Grpc.Core;
using P4.V1;

namespace ACCOffload.P4Runtime.Session;

public sealed partial class P4RuntimeSession
{
    private const string FetchingPipeline = "fetching the pipeline";

    /// <summary>The P4Runtime version of the target; empty if the target is too old to report it.</summary>
    /// <exception cref="P4RuntimeException">The RPC failed.</exception>
    public async Task<string> GetApiVersionAsync(CancellationToken cancellationToken)
    {
        const string What = "querying capabilities";
        var live = Connected(What);
        try
        {
            var reply = await live.Client.CapabilitiesAsync(
                new CapabilitiesRequest { DeviceId = _options.DeviceId }, Short(cancellationToken));
            return RpcFault.OneLine(reply.P4RuntimeApiVersion);
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.Unimplemented)
        {
            return "";
        }
        catch (RpcException e)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw RpcFault.ToException(What, e);
        }
    }

    /// <summary>
    /// Ensures that the target runs this pipeline: compares cookies and pushes only if they differ, because a push clears every table.
    /// </summary>
    /// <param name="pipeline">The pipeline, built from the P4Info to push.</param>
    /// <param name="deviceConfig">The device config; for infrap4d and the soft target a serialized <c>tdi.PipelineConfig</c>.</param>
    /// <param name="cookie">Identifies this P4Info and device config; never 0.</param>
    /// <param name="canReplace">
    /// Whether the target can replace a running pipeline. If not, a push would crash it, and none is attempted.
    /// </param>
    /// <param name="beforePush">Called before a push, and only then; may be null.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="P4RuntimeException">
    /// An RPC failed, or the target runs another pipeline and can't replace it while running.
    /// </exception>
    public async Task<PipelineCheck> EnsurePipelineAsync(Pipeline pipeline, ReadOnlyMemory<byte> deviceConfig, ulong cookie,
        bool canReplace, Func<CancellationToken, Task>? beforePush, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(pipeline);
        ArgumentOutOfRangeException.ThrowIfZero(cookie);
        var found = await GetCookieAsync(cancellationToken);
        if (found == cookie)
        {
            Volatile.Write(ref _pipeline, pipeline);
            return new PipelineCheck(false, found);
        }

        if (found is { } other && !canReplace)
        {
            throw new P4RuntimeException(StatusCode.FailedPrecondition, CannotReplace(pipeline, cookie, other));
        }

        if (beforePush is not null)
        {
            await beforePush(cancellationToken);
        }

        LogPush(pipeline.Name, cookie, found is null ? "none" : $"0x{found:x16}");
        await SetPipelineAsync(pipeline, deviceConfig, cookie, found, cancellationToken);
        Volatile.Write(ref _pipeline, pipeline);
        return new PipelineCheck(true, found);
    }

    /// <summary>Fetches the pipeline that the target runs; nothing is pushed.</summary>
    /// <returns>The pipeline, the same object as before if it is unchanged, and its cookie; the cookie is 0 if it has none.</returns>
    /// <exception cref="P4RuntimeException">The RPC failed, the target has no pipeline, or its P4Info is unusable.</exception>
    public async Task<(Pipeline Pipeline, ulong Cookie)> FetchPipelineAsync(CancellationToken cancellationToken)
    {
        var config = await GetConfigAsync(cancellationToken);
        var info = config?.P4Info ?? throw new P4RuntimeException(StatusCode.FailedPrecondition,
            $"{FetchingPipeline} failed: the target has no pipeline; load the package's pipeline (for example with p4rt-ctl set-pipe)");
        try
        {
            var pipeline = Volatile.Read(ref _pipeline) is { } known && known.Info.Equals(info) ? known : Pipeline.FromP4Info(info);
            Volatile.Write(ref _pipeline, pipeline);
            return (pipeline, config.Cookie?.Cookie_ ?? 0);
        }
        catch (P4InfoException e)
        {
            throw new P4RuntimeException(StatusCode.FailedPrecondition, $"{FetchingPipeline} failed: {e.Message}", e);
        }
    }

    /// <summary>
    /// Takes the target's pipeline for this one if it has the same P4Info and no cookie. The manager of release 24.01 pushes its package
    /// with cookie 0. Nothing is pushed.
    /// </summary>
    /// <returns>Whether it was taken.</returns>
    /// <exception cref="P4RuntimeException">An RPC failed.</exception>
    public async Task<bool> TakeUnmarkedAsync(Pipeline pipeline, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(pipeline);
        if (await GetCookieAsync(cancellationToken) != 0
            || (await GetConfigAsync(cancellationToken))?.P4Info is not { } info || !info.Equals(pipeline.Info))
        {
            return false;
        }

        Volatile.Write(ref _pipeline, pipeline);
        return true;
    }

    /// <summary>The P4Info and the cookie of the target's pipeline; null if it has none.</summary>
    private async Task<ForwardingPipelineConfig?> GetConfigAsync(CancellationToken cancellationToken)
    {
        var live = Connected(FetchingPipeline);
        try
        {
            var request = new GetForwardingPipelineConfigRequest
            {
                DeviceId = _options.DeviceId,
                ResponseType = GetForwardingPipelineConfigRequest.Types.ResponseType.P4InfoAndCookie,
            };
            return (await live.Client.GetForwardingPipelineConfigAsync(request, Short(cancellationToken))).Config;
        }
        catch (RpcException e)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw RpcFault.ToException(FetchingPipeline, e);
        }
    }

    private async Task<ulong?> GetCookieAsync(CancellationToken cancellationToken)
    {
        return await TargetProbe.GetCookieAsync(
            Connected(TargetProbe.QueryingPipeline).Client, _options.DeviceId, Short(cancellationToken), cancellationToken);
    }

    private async Task SetPipelineAsync(
        Pipeline pipeline, ReadOnlyMemory<byte> deviceConfig, ulong cookie, ulong? found, CancellationToken cancellationToken)
    {
        var what = $"pushing pipeline {pipeline.Name}";
        var live = Connected(what);
        var request = new SetForwardingPipelineConfigRequest
        {
            DeviceId = _options.DeviceId,
            Role = _options.Role,
            ElectionId = live.ElectionId.ToProto(),
            Action = SetForwardingPipelineConfigRequest.Types.Action.VerifyAndCommit,
            Config = new ForwardingPipelineConfig
            {
                P4Info = pipeline.Info,
                P4DeviceConfig = UnsafeByteOperations.UnsafeWrap(deviceConfig),
                Cookie = new ForwardingPipelineConfig.Types.Cookie { Cookie_ = cookie },
            },
        };
        try
        {
            var options = new CallOptions(deadline: Deadline(_options.PipelineTimeout), cancellationToken: cancellationToken);
            await live.Client.SetForwardingPipelineConfigAsync(request, options);
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.FailedPrecondition)
        {
            throw new P4RuntimeException(e.StatusCode, $"{CannotReplace(pipeline, cookie, found ?? 0)} ({RpcFault.Describe(e)})", e);
        }
        catch (RpcException e)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw RpcFault.ToException(what, e);
        }
    }

    private static string CannotReplace(Pipeline pipeline, ulong cookie, ulong found)
    {
        var loaded = found == 0 ? "a pipeline with an unknown cookie" : $"another pipeline (cookie 0x{found:x16})";
        return $"pushing pipeline {pipeline.Name} (cookie 0x{cookie:x16}) failed: "
            + $"the target runs {loaded} and can't replace it while running; restart the target (infrap4d) to load this pipeline";
    }
}

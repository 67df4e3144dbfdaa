using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.State;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.Protos.Infra;
using Grpc.Core;

namespace ACCOffload.InfraManager.Api;

/// <summary>
/// infra.InfraAgent, as a 24.01 agent calls its manager. The agent looks at the gRPC status alone, never at <c>successful</c> and
/// <c>error_message</c>, so a refusal is a status: its code says what kind, its message names the field.
/// </summary>
/// <param name="core">What makes it so.</param>
/// <param name="guard">Who may call.</param>
/// <param name="settings">The node's.</param>
/// <param name="takesServices">Whether services come from here, and not from the cluster's API server.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">Where refusals go.</param>
internal sealed partial class InfraAgentService(IProgrammer core, RpcGuard guard, NodeSettings settings, bool takesServices, TimeProvider time, ILogger logger) : InfraAgent.InfraAgentBase
{
    private readonly ILogger _logger = logger;
    private readonly LineBudget _takeovers = new(time);

    public override Task<AddReply> CreateNetwork(CreateNetworkRequest request, ServerCallContext context) => guard.RunAsync(context, async () =>
    {
        var spec = InfraAgentRequests.ToSpec(guard.RequireNode(context), request);
        var previous = HolderOf(spec);
        await core.SubmitAsync(new AttachIntent(spec), context.CancellationToken);
        if (previous is { } over)
        {
            NoteTakeover(spec, over);
        }

        return new AddReply { Successful = true, HostInterfaceName = request.AddRequest.DesiredHostInterfaceName, ContainerMac = spec.Mac.ToString() };
    });

    public override Task<DelReply> DeleteNetwork(DeleteNetworkRequest request, ServerCallContext context) => guard.RunAsync(context, async () =>
    {
        var node = guard.RequireNode(context);
        // CNI's DEL is idempotent: nothing there is success, although 24.01's manager said otherwise.
        if (FindKey(node, request) is { } key)
        {
            await core.SubmitAsync(new DetachIntent(node, ApiOrigin.InfraAgent, key, 0, 0), context.CancellationToken);
        }

        return new DelReply { Successful = true };
    });

    public override Task<Reply> SetupHostInterface(SetupHostInterfaceRequest request, ServerCallContext context) => AnswerAsync(
        context, node => core.SubmitAsync(new AttachIntent(InfraAgentRequests.ToSpec(node, request)), context.CancellationToken));

    private Task<Reply> AnswerAsync(ServerCallContext context, Func<string, Task> call) => guard.RunAsync(context, async () =>
    {
        await call(guard.RequireNode(context));
        return new Reply { Successful = true };
    });

    /// <summary>The other pod's attachment that has the device; admission ends it when the device is given on.</summary>
    private AttachmentKey? HolderOf(EndpointSpec spec) => core.Endpoints
        .Select(v => v.Endpoint.Spec)
        .FirstOrDefault(s => s.Origin == ApiOrigin.InfraAgent && s.Node == spec.Node && s.Kind == EndpointKind.Pod && s.PortName == spec.PortName && s.Key != spec.Key)
        ?.Key;

    /// <summary>Bounded by node: a host that gives one device to and fro must not fill the log.</summary>
    private void NoteTakeover(EndpointSpec spec, AttachmentKey previous)
    {
        var verdict = _takeovers.Decide(spec.Node, nameof(NoteTakeover), $"{spec.PortName} {previous} {spec.Key}");
        if (verdict.Fate != LineFate.Written)
        {
            return;
        }

        if (verdict.Suppressed == 0)
        {
            LogSuperseded(spec.PortName, spec.Key, previous);
        }
        else
        {
            LogSupersededAgain(spec.PortName, spec.Key, previous, verdict.Suppressed);
        }
    }

    /// <summary>By namespace and interface as our own CreateNetwork keeps it, else by address, which is all that 24.01's manager looks at.</summary>
    private AttachmentKey? FindKey(string node, DeleteNetworkRequest request)
    {
        if (request.DelRequest is { Netns.Length: > 0, InterfaceName.Length: > 0 } del)
        {
            return InfraAgentRequests.ToKey("del_request", del.Netns, del.InterfaceName);
        }
        if (request.Ipv4Addr.Length == 0)
        {
            throw IntentException.Invalid("del_request", "missing, and so is ipv4_addr");
        }

        var address = InfraAgentRequests.ToAddress("ipv4_addr", request.Ipv4Addr);
        return core.Endpoints
            .Select(v => v.Endpoint.Spec)
            .FirstOrDefault(s => s.Origin == ApiOrigin.InfraAgent && s.Node == node && s.Kind == EndpointKind.Pod && s.Addresses.Contains(address))
            ?.Key;
    }

    [LoggerMessage(EventId = 3011, Level = LogLevel.Information, Message = "Device {Device} was given to {Next}, so {Previous} is over and was removed")]
    private partial void LogSuperseded(string device, AttachmentKey next, AttachmentKey previous);

    [LoggerMessage(EventId = 3013, Level = LogLevel.Information,
        Message = "Device {Device} was given to {Next}, so {Previous} is over and was removed ({Times} takeovers in the last minutes were not logged)")]
    private partial void LogSupersededAgain(string device, AttachmentKey next, AttachmentKey previous, long times);
}

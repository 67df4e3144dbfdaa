using System.Net;
using ACCOffload.InfraManager.Felix;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.Protos.Infra;
using Grpc.Core;

namespace ACCOffload.InfraManager.Api;

/// <summary>
/// infra.InfraAgent, the API that a 24.01 agent calls. The agent checks only the gRPC status, not <c>successful</c> and
/// <c>error_message</c>, so errors are reported as a status.
/// </summary>
/// <param name="core">The programmer.</param>
/// <param name="guard">Authorizes callers.</param>
/// <param name="settings">The node's settings.</param>
/// <param name="takesServices">Whether services come from the agent instead of the cluster's API server.</param>
/// <param name="felix">Felix behind the agent; null if policy does not come from there.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">Logs takeovers of devices.</param>
internal sealed partial class InfraAgentService(
    IProgrammer core, RpcGuard guard, NodeSettings settings, bool takesServices, AgentFelix? felix, TimeProvider time, ILogger logger)
    : InfraAgent.InfraAgentBase
{
    private readonly ILogger _logger = logger;
    private readonly LineBudget _takeovers = new(time);

    public override Task<AddReply> CreateNetwork(CreateNetworkRequest request, ServerCallContext context) =>
        guard.RunAsync(context, async () =>
        {
            var spec = InfraAgentRequests.ToSpec(guard.RequireNode(context), request);
            var previous = FindOwner(spec);
            await core.SubmitAsync(new AttachIntent(spec), context.CancellationToken);
            if (previous is { } owner)
            {
                LogTakeover(spec, owner);
            }

            return new AddReply
            {
                Successful = true,
                HostInterfaceName = request.AddRequest.DesiredHostInterfaceName,
                ContainerMac = spec.Mac.ToString(),
            };
        });

    public override Task<DelReply> DeleteNetwork(DeleteNetworkRequest request, ServerCallContext context) =>
        guard.RunAsync(context, async () =>
        {
            var node = guard.RequireNode(context);
            // CNI's DEL is idempotent: a missing attachment is a success, unlike in the 24.01 manager.
            if (FindKey(node, request) is { } key)
            {
                await core.SubmitAsync(new DetachIntent(node, ApiOrigin.InfraAgent, key, 0, 0), context.CancellationToken);
            }

            return new DelReply { Successful = true };
        });

    public override Task<Reply> SetupHostInterface(SetupHostInterfaceRequest request, ServerCallContext context) => AnswerAsync(
        context,
        async node =>
        {
            await core.SubmitAsync(new AttachIntent(InfraAgentRequests.ToSpec(node, request)), context.CancellationToken);
            if (felix is not null)
            {
                // An agent calls this once, when it starts.
                await felix.BeginAsync(context.CancellationToken);
            }
        });

    private Task<Reply> AnswerAsync(ServerCallContext context, Func<string, Task> call) => guard.RunAsync(context, async () =>
    {
        await call(guard.RequireNode(context));
        return new Reply { Successful = true };
    });

    /// <summary>The attachment of another pod that has the device and will be removed when the device is reused.</summary>
    private AttachmentKey? FindOwner(EndpointSpec spec) => core.Endpoints
        .Select(v => v.Endpoint.Spec)
        .FirstOrDefault(s => s.Origin == ApiOrigin.InfraAgent && s.Node == spec.Node && s.Kind == EndpointKind.Pod
            && s.PortName == spec.PortName && s.Key != spec.Key)
        ?.Key;

    /// <summary>Logs with a limit per node, so that a host that keeps moving a device cannot flood the log.</summary>
    private void LogTakeover(EndpointSpec spec, AttachmentKey previous)
    {
        var verdict = _takeovers.Decide(spec.Node, nameof(LogTakeover), $"{spec.PortName} {previous} {spec.Key}");
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

    /// <summary>
    /// Finds an attachment by namespace and interface, or else by address, which is all that the 24.01 manager uses. An endpoint that was
    /// taken over from that manager has no known namespace, so it is found by its address and MAC.
    /// </summary>
    private AttachmentKey? FindKey(string node, DeleteNetworkRequest request)
    {
        if (request.DelRequest is { Netns.Length: > 0, InterfaceName.Length: > 0 } del)
        {
            var key = InfraAgentRequests.ToKey("del_request", del.Netns, del.InterfaceName);
            return FindImported(node, request) ?? key;
        }
        if (request.Ipv4Addr.Length == 0)
        {
            throw IntentException.Invalid("del_request", "missing, and ipv4_addr is empty");
        }

        return PodAt(node, InfraAgentRequests.ToAddress("ipv4_addr", request.Ipv4Addr))?.Key;
    }

    /// <summary>The key of the imported endpoint that the request is about; null if there is none.</summary>
    private AttachmentKey? FindImported(string node, DeleteNetworkRequest request)
    {
        if (request.Ipv4Addr.Length == 0 || request.MacAddr.Length == 0)
        {
            return null;
        }

        var address = InfraAgentRequests.ToAddress("ipv4_addr", request.Ipv4Addr);
        var mac = InfraAgentRequests.ToMac(request.MacAddr);
        return PodAt(node, address) is { } spec && InfraAgentRequests.IsImported(spec.Key) && spec.Mac.Equals(mac) ? spec.Key : null;
    }

    private EndpointSpec? PodAt(string node, IPAddress address) => core.Endpoints
        .Select(v => v.Endpoint.Spec)
        .FirstOrDefault(s => s.Origin == ApiOrigin.InfraAgent && s.Node == node && s.Kind == EndpointKind.Pod
            && s.Addresses.Contains(address));

    [LoggerMessage(EventId = 3011, Level = LogLevel.Information, Message = "Device {Device} now belongs to {Next}; {Previous} was removed")]
    private partial void LogSuperseded(string device, AttachmentKey next, AttachmentKey previous);

    [LoggerMessage(EventId = 3013, Level = LogLevel.Information,
        Message = "Device {Device} now belongs to {Next}; {Previous} was removed ({Times} more takeovers not logged)")]
    private partial void LogSupersededAgain(string device, AttachmentKey next, AttachmentKey previous, long times);
}

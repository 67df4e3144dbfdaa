using ACCOffload.InfraManager.Conditions;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.Protos.V1;
using Google.Protobuf;
using Grpc.Core;
using ModelKind = ACCOffload.InfraManager.State.Values.EndpointKind;

namespace ACCOffload.InfraManager.Api;

/// <summary>accoffload.v1.Offload, the API that host-stub's agent calls.</summary>
internal sealed class OffloadService(
    IProgrammer core, NodeSettings node, ConditionSource conditions, RpcGuard guard, AgentLog agents) : Offload.OffloadBase
{
    private readonly HostServicesReport _hostServices = new(core);

    public override Task<BeginReply> Begin(BeginRequest request, ServerCallContext context) => guard.RunAsync(context, async () =>
    {
        var caller = guard.RequireNode(context);
        var outcome = await core.SubmitAsync(new BeginIntent(caller, request.Agent), context.CancellationToken);
        agents.RecordBegin(request.Agent, outcome);
        var reply = new BeginReply { Epoch = outcome.Epoch };
        reply.Attachments.AddRange(outcome.Attachments.Select(OffloadRequests.FromSpec));
        return reply;
    });

    public override Task<AttachReply> Attach(AttachRequest request, ServerCallContext context) => guard.RunAsync(context, async () =>
    {
        var spec = OffloadRequests.ToSpec(guard.RequireNode(context), request);
        var outcome = await core.SubmitAsync(new AttachIntent(spec), context.CancellationToken);
        var reply = new AttachReply
        {
            GatewayMac = ByteString.CopyFrom(node.GatewayMac.ToArray()),
            PortName = outcome.Endpoint.Spec.PortName,
            Mtu = (uint)(outcome.Endpoint.Spec.Mtu == 0 ? node.Mtu : outcome.Endpoint.Spec.Mtu),
            HostPorts = (uint)outcome.Endpoint.Spec.HostPorts.Count,
        };
        reply.HostPortProblems.AddRange(ProblemsOf(outcome.Endpoint));
        if (outcome.Port is { } port)
        {
            reply.Port = port;
        }

        reply.Gateways.Add(OffloadRequests.ToBytes(node.Gateway));
        return reply;
    });

    public override Task<DetachReply> Detach(DetachRequest request, ServerCallContext context) => guard.RunAsync(context, async () =>
    {
        var caller = guard.RequireNode(context);
        var key = OffloadRequests.ToKey(request.Key);
        var outcome = await core.SubmitAsync(
            new DetachIntent(caller, ApiOrigin.Offload, key, request.Epoch, request.Sequence), context.CancellationToken);
        return new DetachReply { Removed = outcome.Removed };
    });

    public override Task<SyncReply> Sync(SyncRequest request, ServerCallContext context) => guard.RunAsync(context, async () =>
    {
        var caller = guard.RequireNode(context);
        // Check the length before converting the items: an invalid item can be as short as two bytes, and each one throws an exception.
        EndpointRules.CheckListLength(request.Attachments.Count);
        var attachments = new List<EndpointSpec>(request.Attachments.Count);
        var unreadable = new List<SyncItemFailure>();
        for (var i = 0; i < request.Attachments.Count; i++)
        {
            try
            {
                attachments.Add(OffloadRequests.ToSpec(caller, request.Attachments[i]));
            }
            catch (IntentException e)
            {
                unreadable.Add(new SyncItemFailure(request.Attachments[i].Key is { } key ? OffloadRequests.ToKey(key) : null, i, e));
            }
        }
        var intent = new SyncIntent(caller, request.Epoch, request.Sequence, attachments) { Unreadable = unreadable };
        var outcome = await core.SubmitAsync(intent, context.CancellationToken);
        var reply = new SyncReply { Kept = (uint)outcome.Kept, Added = (uint)outcome.Added, Removed = (uint)outcome.Removed };
        foreach (var failure in outcome.Failures)
        {
            reply.Failures.Add(new SyncFailure
            {
                Key = failure.Key is { } key ? OffloadRequests.FromKey(key) : null,
                Message = failure.Key is null ? $"attachments[{failure.Index}].{failure.Error.Message}" : failure.Error.Message,
                Index = (uint)failure.Index,
            });
        }
        return reply;
    });

    public override Task<StatusReply> Status(StatusRequest request, ServerCallContext context) => guard.RunAsync(context, () =>
    {
        var caller = guard.RequireNode(context);
        var current = conditions.Evaluate();
        var reply = new StatusReply
        {
            Ready = current.CanAttach,
            Reason = current.Reason,
            Version = ProductVersion.Text,
            Endpoints = (uint)core.Status.Endpoints,
            Epoch = core.Status.Agent.Epoch,
            HostEndpoint = HostEndpointOf(caller),
            HostServices = _hostServices.Current,
            Healthy = core.IsHealthy,
        };
        reply.Conditions.AddRange(current.All.Select(c => c.ToProto()));
        return Task.FromResult(reply);
    });

    private IEnumerable<string> ProblemsOf(Endpoint endpoint) =>
        endpoint.Spec.HostPorts.Count > 0 && core.Services.GetValueOrDefault(HostPortService.KeyOf(endpoint)) is { } service
            ? service.State.Spec.Problems.Select(p => $"{p.Subject} {p.Reason}")
            : [];

    private HostEndpoint? HostEndpointOf(string caller) =>
        core.Endpoints.Select(e => e.Endpoint.Spec)
            .FirstOrDefault(s => s.Kind == ModelKind.Host && s.Origin == ApiOrigin.Offload && s.Node == caller) is { } spec
            ? new HostEndpoint { PortName = spec.PortName, Mac = ByteString.CopyFrom(spec.Mac.ToArray()) }
            : null;
}

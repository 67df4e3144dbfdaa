using ACCOffload.InfraManager.Conditions;
using ACCOffload.InfraManager.Model;
using ACCOffload.Protos;
using ACCOffload.Protos.V1;
using Grpc.Core;

namespace ACCOffload.InfraManager.Api;

/// <summary>accoffload.v1.Offload: what host-stub's agent calls.</summary>
internal sealed class OffloadService(INetworkCore core, NodeSettings node, ConditionSource conditions, RpcGuard guard) : Offload.OffloadBase
{
    public override Task<AttachReply> Attach(AttachRequest request, ServerCallContext context) => guard.RunAsync(context, async () =>
    {
        var spec = OffloadRequests.ToSpec(guard.RequireNode(context), request);
        var outcome = await core.AttachAsync(new AttachIntent(spec), context.CancellationToken);
        var reply = new AttachReply
        {
            Port = outcome.Port,
            GatewayMac = Google.Protobuf.ByteString.CopyFrom(node.GatewayMac.ToArray()),
            Mtu = (uint)(outcome.Endpoint.Spec.Mtu == 0 ? node.Mtu : outcome.Endpoint.Spec.Mtu),
        };
        reply.Gateways.Add(OffloadRequests.ToBytes(node.Gateway));
        return reply;
    });

    public override Task<DetachReply> Detach(DetachRequest request, ServerCallContext context) => guard.RunAsync(context, async () =>
    {
        var caller = guard.RequireNode(context);
        var key = OffloadRequests.ToKey(request.Key);
        EndpointRules.CheckKey(key);
        var outcome = await core.DetachAsync(new DetachIntent(caller, ApiOrigin.Offload, key, request.Epoch, request.Sequence), context.CancellationToken);
        return new DetachReply { Removed = outcome.Removed };
    });

    public override Task<SyncReply> Sync(SyncRequest request, ServerCallContext context) => guard.RunAsync(context, async () =>
    {
        var caller = guard.RequireNode(context);
        if (request.Networks.Count > EndpointRules.MaxNetworks)
            throw IntentException.Invalid("networks", $"{request.Networks.Count} networks, at most {EndpointRules.MaxNetworks}");
        if (request.Attachments.Count > ProtocolLimits.MaxAttachments)
            throw IntentException.Invalid("attachments", $"{request.Attachments.Count} attachments, at most {ProtocolLimits.MaxAttachments}");
        var attachments = new EndpointSpec[request.Attachments.Count];
        for (var i = 0; i < attachments.Length; i++)
        {
            try
            {
                attachments[i] = OffloadRequests.ToSpec(caller, request.Attachments[i]);
            }
            catch (IntentException e)
            {
                // A list with a hole in it must not remove what the hole stood for.
                throw IntentException.Invalid(e.Field.Length == 0 ? $"attachments[{i}]" : $"attachments[{i}].{e.Field}", Reason(e));
            }
        }
        var outcome = await core.SyncAsync(new SyncIntent(caller, request.Epoch, request.Sequence, [.. request.Networks], attachments), context.CancellationToken);
        var reply = new SyncReply { Kept = (uint)outcome.Kept, Added = (uint)outcome.Added, Removed = (uint)outcome.Removed };
        foreach (var failure in outcome.Failures)
            reply.Failures.Add(new SyncFailure { Key = OffloadRequests.FromKey(failure.Key), Message = failure.Error.Message });
        return reply;
    });

    public override Task<StatusReply> Status(StatusRequest request, ServerCallContext context) => guard.RunAsync(context, () =>
    {
        var caller = guard.RequireNode(context);
        var now = conditions.Take();
        var reply = new StatusReply
        {
            Ready = now.CanAttach,
            Reason = now.Reason,
            Version = ProductVersion.Text,
            Endpoints = (uint)core.Status.Endpoints,
            HostEndpoint = HostEndpointOf(caller),
        };
        reply.Conditions.AddRange(now.All.Select(c => c.ToProto()));
        return Task.FromResult(reply);
    });

    private HostEndpoint? HostEndpointOf(string caller) =>
        core.Endpoints.Select(e => e.Endpoint.Spec).FirstOrDefault(s => s.Kind == Model.EndpointKind.Host && s.Origin == ApiOrigin.Offload && s.Node == caller) is { } spec
            ? new HostEndpoint { PortName = spec.PortName, Mac = Google.Protobuf.ByteString.CopyFrom(spec.Mac.ToArray()) }
            : null;

    private static string Reason(IntentException e) =>
        e.Field.Length > 0 && e.Message.StartsWith(e.Field + ": ", StringComparison.Ordinal) ? e.Message[(e.Field.Length + 2)..] : e.Message;
}

using System.Net;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.Protos.V1;
using Grpc.Core;
using ModelKey = ACCOffload.InfraManager.State.Values.AttachmentKey;

namespace ACCOffload.InfraManager.Control;

/// <content>Removal of a host's endpoints by the operator.</content>
internal sealed partial class ControlService
{
    public override Task<RemoveEndpointsReply> RemoveEndpoints(RemoveEndpointsRequest request, ServerCallContext context) =>
        guard.RunAsync(context, async () =>
        {
            var intent = new RemoveEndpointsIntent
            {
                Key = ParseKey(request),
                Address = ParseAddress(request.Address),
                Mac = ParseMac(request.Mac),
            };
            return ToReply(await core.SubmitAsync(intent, context.CancellationToken));
        });

    public override Task<RemoveEndpointsReply> ResetHost(ResetHostRequest request, ServerCallContext context) =>
        guard.RunAsync(context, async () => ToReply(await core.SubmitAsync(new ResetHostIntent(node.Name), context.CancellationToken)));

    private static ModelKey? ParseKey(RemoveEndpointsRequest request)
    {
        if (request is { Network.Length: 0, ContainerId.Length: 0, InterfaceName.Length: 0 })
        {
            return null;
        }

        return new ModelKey(request.Network, request.ContainerId, request.InterfaceName);
    }

    private static IPAddress? ParseAddress(string text)
    {
        if (text.Length == 0)
        {
            return null;
        }

        return Parsers.Address(text, out var address) is { } problem
            ? throw IntentException.Invalid("address", $"\"{ConfigurationError.OneLine(text)}\" {problem}")
            : address;
    }

    private static MacAddress? ParseMac(string text)
    {
        if (text.Length == 0)
        {
            return null;
        }

        return MacAddress.TryParse(text, out var mac)
            ? mac
            : throw IntentException.Invalid("mac", $"\"{ConfigurationError.OneLine(text)}\" is not a MAC address");
    }

    private RemoveEndpointsReply ToReply(RemovalOutcome outcome)
    {
        var reply = new RemoveEndpointsReply();
        reply.Endpoints.AddRange(outcome.Removed.Select(ToInfo));
        return reply;
    }
}

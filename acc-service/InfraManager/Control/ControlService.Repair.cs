using System.Net;
using ACCOffload.InfraManager.State;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.Protos.V1;
using Grpc.Core;

namespace ACCOffload.InfraManager.Control;

/// <content>What the operator takes back of what a host told.</content>
internal sealed partial class ControlService
{
    public override Task<RemoveEndpointsReply> RemoveEndpoints(RemoveEndpointsRequest request, ServerCallContext context) => guard.RunAsync(context, async () =>
    {
        var intent = new RemoveEndpointsIntent { Key = KeyOf(request), Address = AddressOf(request.Address), Mac = MacOf(request.Mac) };
        return ToReply(await core.SubmitAsync(intent, context.CancellationToken));
    });

    public override Task<RemoveEndpointsReply> ResetHost(ResetHostRequest request, ServerCallContext context) =>
        guard.RunAsync(context, async () => ToReply(await core.SubmitAsync(new ResetHostIntent(node.Name), context.CancellationToken)));

    private static ACCOffload.InfraManager.State.AttachmentKey? KeyOf(RemoveEndpointsRequest request)
    {
        if (request is { Network.Length: 0, ContainerId.Length: 0, InterfaceName.Length: 0 })
        {
            return null;
        }

        return new ACCOffload.InfraManager.State.AttachmentKey(request.Network, request.ContainerId, request.InterfaceName);
    }

    private static IPAddress? AddressOf(string text)
    {
        if (text.Length == 0)
        {
            return null;
        }

        return Parsers.Address(text, out var address) is { } problem
            ? throw IntentException.Invalid("address", $"\"{ConfigurationError.OneLine(text)}\" {problem}")
            : address;
    }

    private static MacAddress? MacOf(string text)
    {
        if (text.Length == 0)
        {
            return null;
        }

        return MacAddress.TryParse(text, out var mac) ? mac : throw IntentException.Invalid("mac", $"\"{ConfigurationError.OneLine(text)}\" is no MAC address");
    }

    private RemoveEndpointsReply ToReply(RemovalOutcome outcome)
    {
        var reply = new RemoveEndpointsReply();
        reply.Endpoints.AddRange(outcome.Removed.Select(ToInfo));
        return reply;
    }
}

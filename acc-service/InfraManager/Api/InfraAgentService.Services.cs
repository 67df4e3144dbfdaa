using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.Protos.Infra;
using Grpc.Core;

namespace ACCOffload.InfraManager.Api;

/// <summary>Services and source NAT as set by a 24.01 agent.</summary>
internal sealed partial class InfraAgentService
{
    /// <summary>Sets a frontend and replaces all its backends, so that repeated calls can also remove backends.</summary>
    public override Task<Reply> NatTranslationAdd(NatTranslation request, ServerCallContext context) => ChangeServicesAsync(
        context,
        () =>
        {
            var spec = NatTranslations.ToSpec(request, settings);
            var claim = new ServiceClaim("endpoint", a => NatTranslations.BackendField(request, a));
            return core.SubmitAsync(new ServiceIntent(NatTranslations.KeyOf(request), spec) { Claim = claim }, context.CancellationToken);
        });

    /// <summary>Removes a frontend. Succeeds if there is none, because the agent repeats the call after a failure.</summary>
    public override Task<Reply> NatTranslationDelete(NatTranslation request, ServerCallContext context) => ChangeServicesAsync(
        context, () => core.SubmitAsync(new ServiceIntent(NatTranslations.KeyOf(request), null), context.CancellationToken));

    /// <summary>Sets the source address of traffic that leaves the cluster; without an address, source NAT ends.</summary>
    public override Task<Reply> SetSnatAddress(SetSnatAddressRequest request, ServerCallContext context) => AnswerAsync(context, _ =>
    {
        if (request.SnatIpv6.Length > 0)
        {
            throw IntentException.Invalid("snat_ipv6", "this pipeline carries IPv4 only");
        }

        var address = request.SnatIpv4.Length > 0 ? InfraAgentRequests.ToAddress("snat_ipv4", request.SnatIpv4) : null;
        return core.SubmitAsync(new SnatAddressIntent(address) { Field = "snat_ipv4" }, context.CancellationToken);
    });

    /// <summary>Adds or removes a destination prefix without source NAT.</summary>
    public override Task<Reply> AddDelSnatPrefix(AddDelSnatPrefixRequest request, ServerCallContext context) => AnswerAsync(
        context, _ => core.SubmitAsync(
            new SnatPrefixIntent(InfraAgentRequests.ToPrefix("prefix", request.Prefix), request.IsAdd), context.CancellationToken));

    private Task<Reply> ChangeServicesAsync(ServerCallContext context, Func<Task> change) => AnswerAsync(context, _ =>
        takesServices
            ? change()
            : throw new RpcException(new Status(
                StatusCode.PermissionDenied,
                "this ACC watches the cluster's services; set Services:Source to agent to accept services from the agent")));
}

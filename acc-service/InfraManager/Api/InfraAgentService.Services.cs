using ACCOffload.InfraManager.State;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.Protos.Infra;
using Grpc.Core;

namespace ACCOffload.InfraManager.Api;

/// <summary>What a 24.01 agent tells of services and of source NAT.</summary>
internal sealed partial class InfraAgentService
{
    /// <summary>Sets a frontend as a whole: the backends given replace those before, so that the agent's repeated calls also scale down.</summary>
    public override Task<Reply> NatTranslationAdd(NatTranslation request, ServerCallContext context) => ChangeServicesAsync(
        context,
        () =>
        {
            var spec = NatTranslations.ToSpec(request, settings);
            var claim = new ServiceClaim("endpoint", a => NatTranslations.BackendField(request, a));
            return core.SubmitAsync(new ServiceIntent(NatTranslations.KeyOf(request), spec) { Claim = claim }, context.CancellationToken);
        });

    /// <summary>What is not there is success: 24.01's agent deletes again after a failure.</summary>
    public override Task<Reply> NatTranslationDelete(NatTranslation request, ServerCallContext context) => ChangeServicesAsync(
        context, () => core.SubmitAsync(new ServiceIntent(NatTranslations.KeyOf(request), null), context.CancellationToken));

    /// <summary>The source of what is masqueraded on its way out of the cluster; no address at all ends it.</summary>
    public override Task<Reply> SetSnatAddress(SetSnatAddressRequest request, ServerCallContext context) => AnswerAsync(context, _ =>
    {
        if (request.SnatIpv6.Length > 0)
        {
            throw IntentException.Invalid("snat_ipv6", "this pipeline carries IPv4 only");
        }

        var address = request.SnatIpv4.Length > 0 ? InfraAgentRequests.ToAddress("snat_ipv4", request.SnatIpv4) : null;
        return core.SubmitAsync(new SnatAddressIntent(address) { Field = "snat_ipv4" }, context.CancellationToken);
    });

    /// <summary>Adds or removes a prefix within which pods keep their own address.</summary>
    public override Task<Reply> AddDelSnatPrefix(AddDelSnatPrefixRequest request, ServerCallContext context) => AnswerAsync(
        context, _ => core.SubmitAsync(new SnatPrefixIntent(InfraAgentRequests.ToPrefix("prefix", request.Prefix), request.IsAdd), context.CancellationToken));

    private Task<Reply> ChangeServicesAsync(ServerCallContext context, Func<Task> change) => AnswerAsync(context, _ =>
        takesServices
            ? change()
            : throw new RpcException(new Status(StatusCode.PermissionDenied, "this ACC watches the cluster's services itself; set Services:Source to agent in its configuration to take them from here")));
}

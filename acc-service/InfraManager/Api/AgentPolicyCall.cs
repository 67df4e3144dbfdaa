using ACCOffload.InfraManager.Felix;
using ACCOffload.InfraManager.Security;

namespace ACCOffload.InfraManager.Api;

/// <summary>
/// A call of a policy method: which agent it belongs to, and whether its message was taken. A feature of the HTTP context.
/// </summary>
internal sealed class AgentPolicyCall
{
    private volatile bool _isTaken;

    private AgentPolicyCall(AgentSession? session) => Session = session;

    /// <summary>What comes from the agent that ran when the call arrived; null if there was none.</summary>
    public AgentSession? Session { get; }

    public static AgentPolicyCall? Of(HttpContext context) => context.Features.Get<AgentPolicyCall>();

    public void Take() => _isTaken = true;

    /// <summary>
    /// Runs a request. If it is a policy message of this node that was not taken, for instance because it is too long or did not arrive,
    /// the agent's policy is not whole from then on.
    /// </summary>
    /// <param name="felix">Felix behind the agent.</param>
    /// <param name="node">This node.</param>
    /// <param name="context">The request.</param>
    /// <param name="next">Serves it.</param>
    public static async Task RunAsync(AgentFelix felix, string node, HttpContext context, RequestDelegate next)
    {
        var path = context.Request.Path.Value ?? "";
        if (!AgentPolicyMethods.Has(path))
        {
            await next(context);
            return;
        }

        var call = new AgentPolicyCall(felix.Session);
        context.Features.Set(call);
        try
        {
            await next(context);
        }
        finally
        {
            // The identity has been checked by now.
            if (!call._isTaken && context.Features.Get<ClientIdentity>()?.Node == node)
            {
                call.Session?.Lose($"{path[(path.LastIndexOf('/') + 1)..]} was not taken, it may be too long (Api:MaxMessageBytes)");
            }
        }
    }
}

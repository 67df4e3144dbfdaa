using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.Control.Policy;

/// <summary>The words for directions and actions in answers about policy.</summary>
internal static class PolicyWords
{
    public static string Of(PolicyDirection direction) => direction == PolicyDirection.Ingress ? "ingress" : "egress";

    /// <summary>An action that is not known denies.</summary>
    public static string Of(PolicyAction action) => action switch
    {
        PolicyAction.Allow => "allow",
        PolicyAction.Pass => "pass",
        PolicyAction.Log => "log",
        _ => "deny",
    };

    /// <summary>A tier's default: anything but allow and pass denies.</summary>
    public static string OfDefault(PolicyAction action) => Of(action == PolicyAction.Log ? PolicyAction.Deny : action);
}

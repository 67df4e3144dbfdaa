using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.RuleCounters;

/// <summary>A rule, as operators and metrics name it.</summary>
/// <param name="Name">Such as <c>NetworkPolicy shop/web ingress[0]</c>, or the default of a tier.</param>
/// <param name="Policy">Its policy; empty for a default, which belongs to none.</param>
/// <param name="Direction">ingress or egress; empty for a default, which both directions may share.</param>
internal sealed record CountedRule(string Name, string Policy, string Direction)
{
    private const string Ingress = "ingress";
    private const string Egress = "egress";

    /// <summary>The name without the policy's, such as <c>ingress[0]</c>.</summary>
    public string ShortName => Policy.Length > 0 && Name.StartsWith(Policy, StringComparison.Ordinal)
        && Name.AsSpan(Policy.Length).StartsWith(" ") ? Name[(Policy.Length + 1)..] : Name;

    /// <summary>A rule of a policy.</summary>
    /// <param name="name">The rule's name.</param>
    /// <param name="policy">The ID of its policy in the model.</param>
    /// <param name="direction">The direction of the rule.</param>
    public static CountedRule Of(string name, string policy, PolicyDirection direction) =>
        new(name, KubernetesPolicies.NameOf(policy), direction == PolicyDirection.Ingress ? Ingress : Egress);

    /// <summary>A decision that is no rule of a policy.</summary>
    public static CountedRule OfDefault(string name) => new(name, "", "");
}

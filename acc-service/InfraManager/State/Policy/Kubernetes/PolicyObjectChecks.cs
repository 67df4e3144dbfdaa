using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Policy.Kubernetes;

/// <summary>What an object must fulfil to be compiled.</summary>
internal static class PolicyObjectChecks
{
    /// <exception cref="IntentException">INVALID_ARGUMENT: names the field.</exception>
    public static void Check(PolicyObject? value)
    {
        switch (value)
        {
            case NetworkPolicyRecord policy:
                PolicyChecks.Check(PolicyTranslator.Translate(policy).Rules);
                break;
            case ClusterPolicyRecord policy:
                PolicyChecks.Check(PolicyTranslator.Translate(policy).Rules);
                break;
            case NodeRecord { Addresses.Count: > NodeRecord.MaxAddresses } node:
                throw IntentException.Invalid(
                    "status.addresses", $"has {node.Addresses.Count} IP addresses, more than {NodeRecord.MaxAddresses}");
        }
    }
}

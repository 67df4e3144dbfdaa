using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Policy.Kubernetes;

namespace ACCOffload.InfraManager.State.Admission;

/// <summary>Decides intents that carry the objects that policy follows from.</summary>
internal sealed class PolicyAdmission(NetworkModel model)
{
    public PolicyOutcome Set(PolicyIntent intent)
    {
        var kept = intent.Changes.Select(c => c.Key).ToHashSet();
        foreach (var key in model.PolicyObjects.Keys.Where(k => IsGone(intent, k) && !kept.Contains(k)).ToList())
        {
            model.PolicyObjects.Remove(key);
        }

        foreach (var (key, value) in intent.Changes)
        {
            model.PolicyObjects.Set(key, value);
        }

        if (intent.IsSynced)
        {
            model.PolicySync.Set(true);
        }

        return new PolicyOutcome();
    }

    private static bool IsGone(PolicyIntent intent, PolicyObjectKey key) =>
        intent.Listed.TryGetValue(key.Kind, out var names) && !names.Contains(key.Name);
}

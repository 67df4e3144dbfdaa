using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Admission;

/// <summary>What the cluster says about policy: changed objects, and removed ones with null.</summary>
internal sealed record PolicyIntent(IReadOnlyList<(PolicyObjectKey Key, PolicyObject? Object)> Changes) : Intent<PolicyOutcome>
{
    // Labels, selectors and addresses of a usual object.
    private const int ObjectBytes = 1024;

    /// <summary>
    /// The kinds that were listed completely, with the names of all their objects: others are removed. The changes must contain
    /// every object that is new.
    /// </summary>
    public IReadOnlyDictionary<PolicyObjectKind, IReadOnlySet<string>> Listed { get; init; } =
        new Dictionary<PolicyObjectKind, IReadOnlySet<string>>();

    /// <summary>
    /// Whether every kind has been listed with this intent or before it. Until then all traffic of this node's pods is dropped, unless the
    /// state from before a restart is known.
    /// </summary>
    public bool IsSynced { get; init; }

    public override int EstimatedBytes => 256 + (ObjectBytes * Changes.Count) + (64 * Listed.Sum(c => c.Value.Count));

    public override Intent<PolicyOutcome> Validate(NodeSettings node)
    {
        foreach (var (key, value) in Changes)
        {
            if (value is not null && value.ObjectKey != key)
            {
                throw IntentException.Invalid("changes", $"{value.ObjectKey} under the key of {key}");
            }

            PolicyObjectChecks.Check(value);
        }

        return this;
    }

    public override PolicyOutcome Admit(AdmissionControl admission, AdmissionContext context) => admission.Policy.Set(this);
}

/// <summary>The policy is durable and programmed on the target.</summary>
internal sealed record PolicyOutcome;

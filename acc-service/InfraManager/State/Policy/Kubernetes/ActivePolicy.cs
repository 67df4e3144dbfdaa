namespace ACCOffload.InfraManager.State.Policy.Kubernetes;

/// <summary>A policy that selects pods of this node.</summary>
internal sealed class ActivePolicy
{
    /// <summary>
    /// The ID in the model; empty before it is there. A changed policy gets a new ID, so that all of it takes effect in one step.
    /// </summary>
    public string Id { get; set; } = "";

    public TranslatedPolicy Policy { get; set; } = TranslatedPolicy.Empty;

    /// <summary>The number of pods that it selects.</summary>
    public int Pods { get; set; }
}

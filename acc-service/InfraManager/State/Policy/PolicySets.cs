namespace ACCOffload.InfraManager.State.Policy;

/// <summary>The policy sets of one endpoint, as the pipeline numbers them.</summary>
/// <param name="Egress">Judges the flows that it begins; 0: not isolated.</param>
/// <param name="Ingress">Judges the flows that it accepts; 0: not isolated.</param>
internal readonly record struct PolicySets(uint Egress, uint Ingress)
{
    /// <summary>The set of an endpoint whose policy is not known: everything is dropped.</summary>
    public const uint PendingSet = 0xfffffffe;

    public static PolicySets None { get; }

    public static PolicySets Pending { get; } = new(PendingSet, PendingSet);

    public bool Isolate => (Egress | Ingress) != 0;

    public bool ArePending => Egress == PendingSet || Ingress == PendingSet;
}

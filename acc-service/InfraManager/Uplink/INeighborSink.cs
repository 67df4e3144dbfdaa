namespace ACCOffload.InfraManager.Uplink;

/// <summary>Receives the neighbours that the ACC's kernel has resolved, on the uplink's thread. Must neither block nor throw.</summary>
internal interface INeighborSink
{
    /// <summary>All neighbours; any other one that was known before is gone. Called once, before <see cref="Apply"/>.</summary>
    void Replace(IReadOnlyCollection<Neighbor> all);

    /// <summary>A neighbour that is new, has another MAC address, or does not answer any more.</summary>
    void Apply(Neighbor changed);
}

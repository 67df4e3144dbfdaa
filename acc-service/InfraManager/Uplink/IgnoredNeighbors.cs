namespace ACCOffload.InfraManager.Uplink;

/// <summary>Ignores the neighbours, for a pipeline without tables for them.</summary>
internal sealed class IgnoredNeighbors : INeighborSink
{
    public void Replace(IReadOnlyCollection<Neighbor> all)
    {
    }

    public void Apply(Neighbor changed)
    {
    }
}

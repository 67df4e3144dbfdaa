namespace ACCOffload.InfraManager.Programming.Compile;

/// <summary>The numbers of the source port pools for masquerading; the last two are used by the pipeline itself.</summary>
internal static class MasqueradePools
{
    public const uint None = 0;

    /// <summary>Flows through services whose replies must return to this node.</summary>
    public const uint Services = 1;

    /// <summary>Pod flows that leave the cluster.</summary>
    public const uint Outgoing = 2;

    /// <summary>Flows of a backend to itself through a service.</summary>
    public const uint Hairpin = 254;

    /// <summary>Flows that would otherwise be identical to another one at their backend.</summary>
    public const uint Collisions = 255;
}

namespace ACCOffload.InfraManager.Programming.Compile;

/// <summary>The numbers of the pools that a source can be rewritten from; the last two are the pipeline's own.</summary>
internal static class MasqueradePools
{
    public const uint None = 0;

    /// <summary>Flows through services whose replies have to come back here.</summary>
    public const uint Services = 1;

    /// <summary>Pods' flows that leave the cluster.</summary>
    public const uint Outgoing = 2;

    /// <summary>Who reaches himself.</summary>
    public const uint Hairpin = 254;

    /// <summary>Two flows that would be one at their backend.</summary>
    public const uint Collisions = 255;
}

namespace ACCOffload.InfraManager.State.Peers;

/// <summary>IDs of the pipeline's next hops. 0 means no next hop.</summary>
internal static class NextHopIds
{
    /// <summary>The exception port, which leads to the ACC's kernel: for unresolved destinations on the uplink network.</summary>
    public const uint Exception = 1;

    /// <summary>The first ID of neighbours and remote nodes, which share one sequence.</summary>
    public const uint First = 16;

    /// <summary>The first ID of configured routes to a MAC address, in configuration order.</summary>
    public const uint FirstRoute = 0x8000_0000;
}

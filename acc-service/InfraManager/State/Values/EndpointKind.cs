namespace ACCOffload.InfraManager.State.Values;

/// <summary>What is behind an endpoint's port. Stored: never renumber.</summary>
internal enum EndpointKind
{
    Pod = 1,

    /// <summary>The host's own interface into the pipeline; at most one per node.</summary>
    Host = 2,

    /// <summary>The node network; at most one per node. It comes from the configuration, and its endpoint is not stored.</summary>
    Uplink = 3,

    /// <summary>The ACC's own kernel, which resolves the uplink's neighbours; at most one per node. Like the uplink, not stored.</summary>
    Exception = 4,
}

namespace ACCOffload.InfraManager.State.Values;

/// <summary>What is behind an endpoint's port. Stored: never renumber.</summary>
internal enum EndpointKind
{
    Pod = 1,

    /// <summary>The host's own interface into the pipeline; a node has one.</summary>
    Host = 2,

    /// <summary>The node network; a node has one or none, and the configuration says so. Never stored.</summary>
    Uplink = 3,
}

namespace ACCOffload.InfraManager.State.Node;

/// <summary>Whether pod traffic that leaves the cluster gets the node's address as its source.</summary>
internal enum MasqueradeMode
{
    /// <summary>If the node has an uplink, and it is known which destinations are in the cluster.</summary>
    Auto,
    On,

    /// <summary>The network routes the pods' addresses.</summary>
    Off,
}

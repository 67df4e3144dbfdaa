namespace ACCOffload.InfraManager.State.Node;

/// <summary>When packets to pods of other nodes are encapsulated.</summary>
internal enum EncapsulationMode
{
    /// <summary>If the node is not on the same link.</summary>
    Auto,
    Always,

    /// <summary>The network routes the pods' addresses.</summary>
    Never,
}

namespace ACCOffload.InfraManager.State.Policy.Kubernetes;

/// <summary>The nodes that a peer of a rule selects: a set of the model, whose members are the nodes' addresses.</summary>
internal sealed record NodeSet(LabelSelector Nodes)
{
    private const string Prefix = "nodes ";

    /// <summary>The same for sets with the same selector, so that policies share them.</summary>
    public string Id { get; } = $"{Prefix}{Nodes}";

    /// <summary>Whether a set of the model is one of nodes.</summary>
    public static bool IsId(string set) => set.StartsWith(Prefix, StringComparison.Ordinal);

    public bool Contains(NodeRecord node) => Nodes.Matches(node.Labels);
}

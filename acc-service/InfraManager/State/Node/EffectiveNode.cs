using ACCOffload.InfraManager.State.Model;

namespace ACCOffload.InfraManager.State.Node;

/// <summary>
/// The node's settings in effect: what the configuration leaves out comes from the cluster. Not thread-safe.
/// </summary>
internal sealed class EffectiveNode
{
    private readonly NodeSettings _configured;
    private NodeFacts _facts = NodeFacts.Unknown;
    private long _nodesVersion;
    private NodeSettings _settings;

    public EffectiveNode(NodeSettings configured)
    {
        _configured = configured;
        _settings = configured;
    }

    /// <summary>The settings with the model's facts.</summary>
    public NodeSettings Of(NetworkModel model)
    {
        if (!ReferenceEquals(model.NodeFacts.Current, _facts) || model.RemoteNodes.Version != _nodesVersion)
        {
            _facts = model.NodeFacts.Current;
            _nodesVersion = model.RemoteNodes.Version;
            _settings = _configured.With(_facts, model.RemoteNodes.Values);
        }

        return _settings;
    }
}

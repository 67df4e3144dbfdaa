using ACCOffload.InfraManager.State.Model;

namespace ACCOffload.InfraManager.State.Node;

/// <summary>
/// The node's settings in effect: what the configuration leaves out comes from the cluster (<see cref="NodeFacts"/>). Not thread-safe.
/// </summary>
internal sealed class EffectiveNode
{
    private readonly NodeSettings _configured;
    private NodeFacts _facts = NodeFacts.Unknown;
    private NodeSettings _settings;

    public EffectiveNode(NodeSettings configured)
    {
        _configured = configured;
        _settings = configured;
    }

    /// <summary>The settings with the model's facts.</summary>
    public NodeSettings Of(NetworkModel model)
    {
        if (!ReferenceEquals(model.NodeFacts.Current, _facts))
        {
            _facts = model.NodeFacts.Current;
            _settings = _configured.With(_facts);
        }

        return _settings;
    }
}

using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.State.Policy.Points;

/// <summary>Packets of one pod whose verdict changes in the same way, by the same rules.</summary>
internal sealed class PolicyEffect(string pod, PolicyDirection direction, PolicyVerdict before, PolicyVerdict after)
{
    /// <summary>The endpoint's ID.</summary>
    public string Pod { get; } = pod;

    public PolicyDirection Direction { get; } = direction;

    /// <summary>The former verdict.</summary>
    public PolicyVerdict Before { get; } = before;

    /// <summary>The new verdict.</summary>
    public PolicyVerdict After { get; } = after;

    /// <summary>The peers: one of each kind.</summary>
    public HashSet<PeerSample> Peers { get; } = [];

    /// <summary>The ports: one of each kind.</summary>
    public HashSet<PortSample> Ports { get; } = [];
}

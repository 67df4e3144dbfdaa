using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.Control.Flows;

/// <summary>
/// A flow that the pipeline tracks, in the direction in which it began (docs/programming.md, "What the data plane learns").
/// </summary>
/// <param name="Protocol">The IP protocol number.</param>
/// <param name="Client">Who began it, with its own address.</param>
/// <param name="Backend">The real destination.</param>
/// <param name="Seen">What the backend sees as its client: another address or port than the client's, if the flow is masqueraded.</param>
/// <param name="FrontendId">The frontend that the client asked for; 0: it asked for the real destination.</param>
/// <param name="BackendId">The backend of a service; 0 for none.</param>
/// <param name="EndpointId">The incarnation of the backend's address and port; 0 for none.</param>
/// <param name="IsFromOutside">The client sends through an uplink.</param>
/// <param name="IsFromNode">The client is the node itself, which policy never keeps from its own pods.</param>
/// <param name="Timeout">How long the flow is remembered after the last packet that renewed it, which tells its state.</param>
/// <param name="Idle">The time since then.</param>
internal sealed record LiveFlow(
    byte Protocol, FlowEnd Client, FlowEnd Backend, FlowEnd Seen, uint FrontendId, uint BackendId, uint EndpointId, bool IsFromOutside,
    bool IsFromNode, TimeSpan Timeout, TimeSpan Idle) : IComparable<LiveFlow>
{
    // RFC 792. Of ICMP, only echoes are tracked.
    private const ushort EchoRequest = 8;

    public bool IsMasqueraded => Seen != Client;

    /// <summary>The destination port as policy numbers it.</summary>
    public ushort PolicyPort => Protocol == IpProtocol.Icmp ? (ushort)(EchoRequest << 8) : Backend.Port;

    /// <summary>By the client, then by all else that tells flows apart.</summary>
    public int CompareTo(LiveFlow? other)
    {
        if (other is null)
        {
            return 1;
        }

        var order = Client.CompareTo(other.Client);
        order = order != 0 ? order : Protocol.CompareTo(other.Protocol);
        order = order != 0 ? order : Backend.CompareTo(other.Backend);
        order = order != 0 ? order : Seen.CompareTo(other.Seen);
        return order != 0 ? order : EndpointId.CompareTo(other.EndpointId);
    }
}

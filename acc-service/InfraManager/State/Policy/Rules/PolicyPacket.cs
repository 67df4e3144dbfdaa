namespace ACCOffload.InfraManager.State.Policy.Rules;

/// <summary>What policy sees of a packet, in the orientation of its flow.</summary>
/// <param name="Peer">The other side's real address: the client's on ingress, the chosen backend's on egress.</param>
/// <param name="Protocol">The IP protocol number.</param>
/// <param name="Port">The destination port in host byte order; ICMP: type &lt;&lt; 8 | code; 0 for other protocols.</param>
internal readonly record struct PolicyPacket(PolicyAddress Peer, byte Protocol, ushort Port);

namespace ACCOffload.InfraManager.State.Policy.Classes;

/// <summary>The way of one packet through the tables, with the compiler's numbers.</summary>
/// <param name="Set">The set that the endpoint is bound to.</param>
/// <param name="PeerClass">The class of the other end's address.</param>
/// <param name="PortClass">The class of protocol and port.</param>
/// <param name="Group">What the set says about that class of peers.</param>
/// <param name="Verdict">What the group says about that class of ports.</param>
internal sealed record RowPoint(uint Set, uint PeerClass, uint PortClass, uint Group, RowVerdict Verdict);

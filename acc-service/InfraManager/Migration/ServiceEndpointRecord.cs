namespace ACCOffload.InfraManager.Migration;

/// <summary>A backend as 24.01's manager stores it. Property names are those of the file.</summary>
/// <param name="IpAddress">The pod's address.</param>
/// <param name="Port">The pod's port.</param>
/// <param name="MemberID">The number of the group's member; 0 on the E2100, which has no groups.</param>
/// <param name="ModBlobPtrDNAT">The number of the row that translates requests: the group's number times 16, plus the backend's position,
/// from 1; the sixteenth has 0.</param>
internal sealed record ServiceEndpointRecord(string IpAddress, ushort Port, uint MemberID, uint ModBlobPtrDNAT)
{
    private const int PositionBits = 4;
    private const uint Positions = 1 << PositionBits;

    /// <summary>The numbers that the group's backends can have, in the order in which they are given.</summary>
    public static IEnumerable<uint> NumbersOf(uint group) =>
        Enumerable.Range(1, (int)Positions).Select(i => (group << PositionBits) | ((uint)i & (Positions - 1)));

    /// <summary>The backend's position in the group, from 1, in the order in which backends were added.</summary>
    public uint Position => (ModBlobPtrDNAT & (Positions - 1)) is var low && low == 0 ? Positions : low;

    /// <summary>Whether the number belongs to the group.</summary>
    public bool IsOf(uint group) => ModBlobPtrDNAT >> PositionBits == group;
}

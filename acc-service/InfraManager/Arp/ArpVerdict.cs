namespace ACCOffload.InfraManager.Arp;

/// <summary>What becomes of a frame. The names are those that ctl shows.</summary>
internal enum ArpVerdict
{
    Answered,

    /// <summary>No ARP for IPv4 over Ethernet, or too short for one.</summary>
    Malformed,

    /// <summary>The sender's addresses are no endpoint's, or not those of the frame.</summary>
    SpoofedArp,

    /// <summary>An answer, an announcement, or a probe of the sender's own address.</summary>
    ArpIgnored,

    /// <summary>The link did not take the answer.</summary>
    NotSent,
}

namespace ACCOffload.InfraManager.State.Policy.Felix.Messages;

/// <summary>What the members of an IP set are. The numbers are Felix's IPSetType.</summary>
internal enum FelixSetKind
{
    /// <summary>Addresses.</summary>
    Address = 0,

    /// <summary>Addresses with a protocol and a port.</summary>
    AddressAndPort = 1,

    /// <summary>Blocks in CIDR notation.</summary>
    Net = 2,
}

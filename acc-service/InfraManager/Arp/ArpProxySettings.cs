namespace ACCOffload.InfraManager.Arp;

/// <summary>The interface where ARP is answered for a target that cannot; null for none.</summary>
internal sealed record ArpProxySettings(string? Interface);

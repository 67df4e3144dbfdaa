namespace ACCOffload.P4Runtime.Schema;

/// <summary>How a value reads best to people. Never affects what is sent.</summary>
public enum ValueFormat
{
    /// <summary>Decimal up to 64 bits, hexadecimal above.</summary>
    Number,

    /// <summary>An IPv4 or IPv6 address.</summary>
    Address,

    /// <summary>An Ethernet address.</summary>
    Mac,
}

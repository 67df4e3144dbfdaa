namespace ACCOffload.InfraManager.State.Policy.Rules;

/// <summary>A protocol and port that an address has in a named-port set.</summary>
internal readonly record struct NamedPort(string Set, byte Protocol, ushort Port) : IComparable<NamedPort>
{
    public int CompareTo(NamedPort other)
    {
        var bySet = string.CompareOrdinal(Set, other.Set);
        return bySet != 0 ? bySet : ((Protocol << 16) | Port).CompareTo((other.Protocol << 16) | other.Port);
    }
}

using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.State.Policy.Classes;

internal enum AtomKind
{
    /// <summary>The address is in a pod range, and nothing else is known about it.</summary>
    Unknown = 0,

    /// <summary>The address is in a block that a rule names.</summary>
    Net = 1,

    /// <summary>The address is a member of a set.</summary>
    Set = 2,

    /// <summary>The address has a port in a named-port set.</summary>
    NamedPort = 3,
}

/// <summary>One fact about an address that a rule asks for. Only the fields of its kind are set.</summary>
internal readonly record struct AtomKey(AtomKind Kind, string Set, PolicyNet Net, byte Protocol, ushort Port)
{
    public static AtomKey Unknown { get; } = new(AtomKind.Unknown, "", default, 0, 0);

    public static AtomKey OfNet(PolicyNet net) => new(AtomKind.Net, "", net, 0, 0);

    public static AtomKey OfSet(string set) => new(AtomKind.Set, set, default, 0, 0);

    public static AtomKey OfNamedPort(NamedPort port) => new(AtomKind.NamedPort, port.Set, default, port.Protocol, port.Port);
}

/// <summary>A fact in use by at least one policy set.</summary>
internal sealed class Atom(int id, AtomKey key)
{
    public int Id { get; } = id;

    public AtomKey Key { get; } = key;

    /// <summary>Whether it may hold for an address that nothing is known about.</summary>
    public bool MayBeUnknown => Key.Kind is AtomKind.Set or AtomKind.NamedPort;

    /// <summary>The number of policy sets that use it.</summary>
    public int Uses { get; set; }

    /// <summary>The blocks of addresses for which it holds.</summary>
    public IReadOnlyCollection<PolicyNet> Nets { get; set; } = [];
}

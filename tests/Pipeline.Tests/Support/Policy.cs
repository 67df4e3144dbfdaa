using ACCOffload.TestKit.Packets;

namespace ACCOffload.Pipeline.Tests.Support;

/// <summary>Writes policy rows on a node. Each address and each port has a class of its own, each set and class a group.</summary>
internal sealed class Policy(Node node)
{
    /// <summary>Sets that deny, or allow, what none of their rules names.</summary>
    public const uint Denies = 2;

    public const uint AlsoDenies = 4;
    public const uint Allows = 3;

    /// <summary>The set of a pod whose policy is not known yet.</summary>
    public const uint Pending = 0xFFFFFFFE;

    /// <summary>Type and code of an ICMP echo request, which take the place of a port.</summary>
    public const ushort Echo = 0x0800;

    private readonly Dictionary<uint, uint> _peers = [];
    private readonly Dictionary<(byte, ushort), ushort> _ports = [];
    private readonly Dictionary<(bool, uint, uint), uint> _groups = [];

    public Policy AllowEgress(uint set, uint to, byte protocol, ushort port)
        => Rule(GroupOf(true, set, PeerOf(to)), PortOf(protocol, port), "allow");

    public Policy AllowIngress(uint set, uint from, byte protocol, ushort port)
        => Rule(GroupOf(false, set, PeerOf(from)), PortOf(protocol, port), "allow");

    public Policy DenyIngress(uint set, uint from, byte protocol, ushort port)
        => Rule(GroupOf(false, set, PeerOf(from)), PortOf(protocol, port), "deny");

    /// <summary>Removes the rule for a peer and a port.</summary>
    public void RemoveEgress(uint set, uint to, byte protocol, ushort port)
        => node.Remove("verdicts", GroupOf(true, set, PeerOf(to)), PortOf(protocol, port));

    /// <inheritdoc cref="RemoveEgress"/>
    public void RemoveIngress(uint set, uint from, byte protocol, ushort port)
        => node.Remove("verdicts", GroupOf(false, set, PeerOf(from)), PortOf(protocol, port));

    public Policy Rule(uint group, ushort port, string action, uint rule = 1)
    {
        node.Put("verdicts", action, [group, port], rule);
        return this;
    }

    /// <summary>The class of an address.</summary>
    public uint PeerOf(uint address)
    {
        if (!_peers.TryGetValue(address, out var peer))
        {
            _peers[address] = peer = 100u + (uint)_peers.Count;
            node.Put("peers", "peer", [address], peer);
        }

        return peer;
    }

    /// <summary>The class of a port.</summary>
    public ushort PortOf(byte protocol, ushort port)
    {
        if (!_ports.TryGetValue((protocol, port), out var number))
        {
            _ports[(protocol, port)] = number = (ushort)(200 + _ports.Count);
            node.Put("ports", "numbered_port", [protocol, port], number);
        }

        return number;
    }

    /// <summary>What a set says about a class of peers. It denies what it does not name, unless the set allows it.</summary>
    public uint GroupOf(bool egress, uint set, uint peer)
    {
        if (!_groups.TryGetValue((egress, set, peer), out var group))
        {
            _groups[(egress, set, peer)] = group = 1000u + (2 * (uint)_groups.Count) + (set & 1);
            node.Put(egress ? "egress_groups" : "ingress_groups", "group", egress ? [set, peer] : [peer, set], group);
        }

        return group;
    }

    /// <summary>The first packet of a flow.</summary>
    public static Frame First(byte protocol, uint source, uint destination, ushort port = 80, ushort sourcePort = 5000) => protocol switch
    {
        Frame.Icmp => Frame.Echo(source, destination, sourcePort),
        // Without a verification tag: an INIT.
        Frame.Sctp => Frame.Build(protocol, source, sourcePort, destination, port, sequence: 0),
        _ => Frame.Build(protocol, source, sourcePort, destination, port),
    };

    /// <summary>The answer to a packet as its receiver saw it.</summary>
    public static Frame Answer(Frame seen) => seen.Protocol == Frame.Icmp
        ? Frame.Echo(seen.Destination, seen.Source, seen.Identifier, reply: true)
        : Service.Answer(seen, Frame.Syn | Frame.Ack);
}

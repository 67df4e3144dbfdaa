using ACCOffload.TestKit.Packets;

namespace ACCOffload.Pipeline.Tests.Support;

/// <summary>Writes a service's rows on a node in dependency order.</summary>
internal sealed class Service
{
    public const uint Address = 0x0A600001;

    private const ulong FirstSuccessor = 0x10000;

    private readonly Node _node;
    private readonly Dictionary<uint, (uint Ip, ushort Port)> _backends = [];
    private readonly byte _protocol;
    private readonly uint _set;

    /// <param name="node">The node.</param>
    /// <param name="protocol">The protocol of all frontends.</param>
    /// <param name="set">The ID of the backend set.</param>
    public Service(Node node, byte protocol = Frame.Tcp, uint set = 1)
    {
        (_node, _protocol, _set) = (node, protocol, set);
    }

    public byte Pool { get; set; }

    /// <summary>One more than the number of the learner's timeout; 0 for no affinity.</summary>
    public byte Affinity { get; set; }

    /// <summary>The age in milliseconds at which affinity ends.</summary>
    public uint MaxAge { get; set; }

    public uint Ranges { get; set; }

    public ushort Buckets { get; private set; }

    public ushort Succession { get; private set; }

    /// <summary>Adds a backend; its endpoint ID is its own ID plus 1000.</summary>
    public Service Backend(uint id, uint ip, ushort port = 8080)
    {
        _backends[id] = (ip, port);
        _node.Put("endpoints", "endpoint", [ip, port, _protocol], id + 1000);
        _node.Put("backends", "to_backend", [id], ip, port, id + 1000, OnHost(ip));
        return this;
    }

    /// <summary>Fills the buckets in order.</summary>
    public Service Fill(params uint[] backends)
    {
        for (var i = 0; i < backends.Length; i++)
        {
            _node.Put("buckets", "bucket_backend", [(ulong)i, _set], backends[i]);
        }

        Buckets = (ushort)backends.Length;
        return this;
    }

    /// <summary>Fills the succession buckets, for flows whose backend accepts no new ones.</summary>
    public Service Succeed(params uint[] backends)
    {
        for (var i = 0; i < backends.Length; i++)
        {
            _node.Put("buckets", "bucket_backend", [(ulong)i + FirstSuccessor, _set], backends[i]);
        }

        Succession = (ushort)backends.Length;
        return this;
    }

    /// <summary>Sets the substitutes of draining backends in the succession, from its first bucket.</summary>
    public Service Substitute(params uint[] backends)
    {
        for (var i = 0; i < backends.Length; i++)
        {
            _node.Put("buckets", "bucket_backend", [(ulong)i + (2 * FirstSuccessor), _set], backends[i]);
        }

        return this;
    }

    /// <summary>Adds a frontend; its ID defaults to its port.</summary>
    public Service Frontend(uint ip, ushort port, bool outside = false, uint? id = null)
    {
        _node.Put("frontends", "frontend_address", [id ?? port], ip, port);
        _node.Put(
            "services", "balance", [outside ? 1ul : 0, ip, port, _protocol], id ?? port, _set, Buckets, Succession, Pool, Affinity, MaxAge,
            Ranges);
        return this;
    }

    private static ulong OnHost(uint ip) => ip == Node.Address ? 1u : 0u;

    /// <summary>Drains a backend: existing flows stay, new ones go elsewhere.</summary>
    public void Drain(uint id) =>
        _node.Put("backends", "drain_backend", [id], _backends[id].Ip, _backends[id].Port, id + 1000, OnHost(_backends[id].Ip));

    /// <summary>Removes a backend whose pod is gone.</summary>
    public void Detach(uint id)
    {
        _node.Remove("backends", id);
        _node.Remove("endpoints", _backends[id].Ip, _backends[id].Port, _protocol);
    }

    /// <summary>A frame from a client to the frontend.</summary>
    public Frame To(uint client, ushort clientPort, byte flags = Frame.Syn, ushort port = 80, ReadOnlySpan<byte> payload = default)
        => Frame.Build(
            _protocol, client, clientPort, Address, port, payload, flags, acknowledgment: (flags & Frame.Ack) != 0 ? 77u : 0,
            sequence: _protocol == Frame.Sctp ? 0u : 1000);

    /// <summary>The reply to a frame as its receiver saw it.</summary>
    public static Frame Answer(Frame seen, byte flags = Frame.Ack, ReadOnlySpan<byte> payload = default)
        => Frame.Build(seen.Protocol, seen.Destination, seen.DestinationPort, seen.Source, seen.SourcePort, payload, flags);
}

namespace ACCOffload.PipelineTests.Support;

/// <summary>A service's rows on a node, in the order of their ranks.</summary>
internal sealed class Service
{
    public const uint Address = 0x0A600001;

    private const ulong FirstSuccessor = 0x10000;

    private readonly Node _node;
    private readonly Dictionary<uint, (uint Ip, ushort Port)> _backends = [];
    private readonly byte _protocol;
    private readonly uint _set;

    /// <param name="node">The node.</param>
    /// <param name="protocol">The protocol of all its frontends.</param>
    /// <param name="set">The id of its set of backends.</param>
    public Service(Node node, byte protocol = Frame.Tcp, uint set = 1)
    {
        (_node, _protocol, _set) = (node, protocol, set);
    }

    public byte Pool { get; set; }

    public byte Affinity { get; set; }

    public uint Ranges { get; set; }

    public ushort Buckets { get; private set; }

    public ushort Succession { get; private set; }

    /// <summary>Adds a backend; the id of its endpoint is 1000 more than its own.</summary>
    public Service Backend(uint id, uint ip, ushort port = 8080)
    {
        _backends[id] = (ip, port);
        _node.Put("endpoints", "endpoint", [ip, port, _protocol], id + 1000);
        _node.Put("backends", "to_backend", [id], ip, port, id + 1000, OnHost(ip));
        return this;
    }

    /// <summary>Fills the buckets, one after the other.</summary>
    public Service Fill(params uint[] backends)
    {
        for (var i = 0; i < backends.Length; i++)
        {
            _node.Put("buckets", "bucket_backend", [(ulong)i, _set], backends[i]);
        }

        Buckets = (ushort)backends.Length;
        return this;
    }

    /// <summary>Fills the buckets of flows whose backend takes no more.</summary>
    public Service Succeed(params uint[] backends)
    {
        for (var i = 0; i < backends.Length; i++)
        {
            _node.Put("buckets", "bucket_backend", [(ulong)i + FirstSuccessor, _set], backends[i]);
        }

        Succession = (ushort)backends.Length;
        return this;
    }

    /// <summary>Says who has new connections in place of the draining backends of the succession, from its first bucket on.</summary>
    public Service Substitute(params uint[] backends)
    {
        for (var i = 0; i < backends.Length; i++)
        {
            _node.Put("buckets", "bucket_backend", [(ulong)i + (2 * FirstSuccessor), _set], backends[i]);
        }

        return this;
    }

    /// <summary>Opens a frontend; its id is its port unless said otherwise.</summary>
    public Service Frontend(uint ip, ushort port, bool outside = false, uint? id = null)
    {
        _node.Put("frontends", "frontend_address", [id ?? port], ip, port);
        _node.Put(
            "services", "balance", [outside ? 1ul : 0, ip, port, _protocol], id ?? port, _set, Buckets, Succession, Pool, Affinity, Ranges);
        return this;
    }

    private static ulong OnHost(uint ip) => ip == Node.Address ? 1u : 0u;

    /// <summary>Takes no new flows at a backend, keeps old ones.</summary>
    public void Drain(uint id) => _node.Put("backends", "drain_backend", [id], _backends[id].Ip, _backends[id].Port, id + 1000, OnHost(_backends[id].Ip));

    /// <summary>The pod is gone.</summary>
    public void Detach(uint id)
    {
        _node.Remove("backends", id);
        _node.Remove("endpoints", _backends[id].Ip, _backends[id].Port, _protocol);
    }

    /// <summary>The frame that a client sends to the frontend.</summary>
    public Frame To(uint client, ushort clientPort, byte flags = Frame.Syn, ushort port = 80, ReadOnlySpan<byte> payload = default)
        => Frame.Build(
            _protocol, client, clientPort, Address, port, payload, flags, acknowledgment: (flags & Frame.Ack) != 0 ? 77u : 0,
            sequence: _protocol == Frame.Sctp ? 0u : 1000);

    /// <summary>The answer to a frame as its receiver saw it.</summary>
    public static Frame Answer(Frame seen, byte flags = Frame.Ack, ReadOnlySpan<byte> payload = default)
        => Frame.Build(seen.Protocol, seen.Destination, seen.DestinationPort, seen.Source, seen.SourcePort, payload, flags);
}

namespace ACCOffload.PipelineTests.Support;

/// <summary>
/// Both ends of a TCP connection through a node, with the sequence numbers that real ones would have. What an end sends counts as received: nothing is lost
/// here, so each packet acknowledges all that the other end sent before it.
/// </summary>
internal sealed class Connection
{
    private static readonly Random Numbers = new(14);

    private readonly Node _node;
    private readonly uint _clientPort;
    private readonly uint _client;
    private readonly ushort _port;
    private readonly uint _service;
    private readonly ushort _servicePort;

    /// <param name="node">The node.</param>
    /// <param name="at">The node's port that the client is at.</param>
    /// <param name="client">Its address.</param>
    /// <param name="port">Its TCP port.</param>
    /// <param name="to">Where it connects to.</param>
    /// <param name="toPort">The TCP port there.</param>
    public Connection(Node node, uint at, uint client, ushort port, uint to = Service.Address, ushort toPort = 80)
    {
        (_node, _clientPort, _client, _port, _service, _servicePort) = (node, at, client, port, to, toPort);
        ClientNext = (uint)Numbers.NextInt64(uint.MaxValue);
        ServerNext = (uint)Numbers.NextInt64(uint.MaxValue);
    }

    /// <summary>The sequence number of the client's next byte.</summary>
    public uint ClientNext { get; private set; }

    /// <summary>The sequence number of the server's next byte.</summary>
    public uint ServerNext { get; private set; }

    /// <summary>The client's first packet as the server saw it.</summary>
    public Frame Seen { get; private set; } = null!;

    /// <summary>The three packets that open it; the server is at <paramref name="server"/>.</summary>
    public Connection Open(uint server)
    {
        Begin(server);
        Answer(server, Frame.Syn | Frame.Ack);
        Ask(server);
        return this;
    }

    /// <summary>The client's SYN.</summary>
    public Frame Begin(uint server)
    {
        Seen = _node.Pass(_clientPort, Syn(), server);
        ClientNext++;
        return Seen;
    }

    /// <summary>The client's SYN, not sent.</summary>
    public Frame Syn() => Frame.Build(Frame.Tcp, _client, _port, _service, _servicePort, sequence: ClientNext);

    /// <summary>A packet of the client, which comes out at the server's port.</summary>
    public Frame Ask(uint server, byte flags = Frame.Ack, string data = "")
    {
        var sent = _node.Pass(_clientPort, Asking(flags, data), server);
        ClientNext += Length(flags, data);
        return sent;
    }

    /// <summary>A packet of the client, not sent.</summary>
    public Frame Asking(byte flags = Frame.Ack, string data = "", uint? sequence = null, uint? acknowledgment = null) => Frame.Build(
        Frame.Tcp, _client, _port, _service, _servicePort, System.Text.Encoding.ASCII.GetBytes(data), flags, sequence ?? ClientNext,
        acknowledgment ?? ServerNext);

    /// <summary>A packet of the server, which comes out at the client's port.</summary>
    public Frame Answer(uint server, byte flags = Frame.Ack, string data = "")
    {
        var sent = _node.Pass(server, Answering(flags, data), _clientPort);
        ServerNext += Length(flags, data);
        return sent;
    }

    /// <summary>A packet of the server, not sent.</summary>
    public Frame Answering(byte flags = Frame.Ack, string data = "", uint? sequence = null, uint? acknowledgment = null) => Frame.Build(
        Frame.Tcp, Seen.Destination, Seen.DestinationPort, Seen.Source, Seen.SourcePort, System.Text.Encoding.ASCII.GetBytes(data), flags,
        sequence ?? ServerNext, acknowledgment ?? ClientNext);

    private static uint Length(byte flags, string data) => (uint)data.Length + ((flags & (Frame.Syn | Frame.Fin)) != 0 ? 1u : 0);
}

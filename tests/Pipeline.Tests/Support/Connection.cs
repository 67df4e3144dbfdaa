using ACCOffload.TestKit.Packets;

namespace ACCOffload.Pipeline.Tests.Support;

/// <summary>
/// Both ends of a TCP connection through a node, with realistic sequence numbers. Nothing is lost here, so each packet
/// acknowledges everything that the other end has sent.
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
    /// <param name="at">The node's port to which the client is attached.</param>
    /// <param name="client">The client's address.</param>
    /// <param name="port">The client's TCP port.</param>
    /// <param name="to">The destination address.</param>
    /// <param name="toPort">The destination TCP port.</param>
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

    /// <summary>The client's first packet as received by the server.</summary>
    public Frame Seen { get; private set; } = null!;

    /// <summary>Completes the handshake with the server at port <paramref name="server"/>.</summary>
    public Connection Open(uint server)
    {
        Begin(server);
        Answer(server, Frame.Syn | Frame.Ack);
        Ask(server);
        return this;
    }

    /// <summary>Sends the client's SYN.</summary>
    public Frame Begin(uint server)
    {
        Seen = _node.Pass(_clientPort, Syn(), server);
        ClientNext++;
        return Seen;
    }

    /// <summary>Builds the client's SYN without sending it.</summary>
    public Frame Syn() => Frame.Build(Frame.Tcp, _client, _port, _service, _servicePort, sequence: ClientNext);

    /// <summary>Sends a packet of the client, which must leave by the server's port.</summary>
    public Frame Ask(uint server, byte flags = Frame.Ack, string data = "")
    {
        var sent = _node.Pass(_clientPort, BuildRequest(flags, data), server);
        ClientNext += Length(flags, data);
        return sent;
    }

    /// <summary>Builds a packet of the client without sending it.</summary>
    public Frame BuildRequest(byte flags = Frame.Ack, string data = "", uint? sequence = null, uint? acknowledgment = null) => Frame.Build(
        Frame.Tcp, _client, _port, _service, _servicePort, System.Text.Encoding.ASCII.GetBytes(data), flags, sequence ?? ClientNext,
        acknowledgment ?? ServerNext);

    /// <summary>Sends a packet of the server, which must leave by the client's port.</summary>
    public Frame Answer(uint server, byte flags = Frame.Ack, string data = "")
    {
        var sent = _node.Pass(server, BuildReply(flags, data), _clientPort);
        ServerNext += Length(flags, data);
        return sent;
    }

    /// <summary>Builds a packet of the server without sending it.</summary>
    public Frame BuildReply(byte flags = Frame.Ack, string data = "", uint? sequence = null, uint? acknowledgment = null) => Frame.Build(
        Frame.Tcp, Seen.Destination, Seen.DestinationPort, Seen.Source, Seen.SourcePort, System.Text.Encoding.ASCII.GetBytes(data), flags,
        sequence ?? ServerNext, acknowledgment ?? ClientNext);

    private static uint Length(byte flags, string data) => (uint)data.Length + ((flags & (Frame.Syn | Frame.Fin)) != 0 ? 1u : 0);
}

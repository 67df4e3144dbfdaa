using System.Buffers.Binary;

namespace ACCOffload.HostStub.Wire;

/// <summary>
/// The response to a request: exit code, standard output, and standard error (the delegated plugins' and the agent's warnings).
/// The frame: length of the body (4 bytes, big endian), format (1), exit code (1), length of the output (4), output, error text.
/// </summary>
internal readonly record struct AgentResponse(byte ExitCode, ReadOnlyMemory<byte> Output, ReadOnlyMemory<byte> Error)
{
    /// <summary>The exit code of a request that was not started (EX_TEMPFAIL): the plugin may store a DEL for later.</summary>
    public const byte NotStarted = 75;

    public const int MaxBody = 4 * 1024 * 1024;
    private const int Header = 6;

    public byte[] Encode()
    {
        var frame = new byte[AgentRequest.LengthPrefix + Header + Output.Length + Error.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame, frame.Length - AgentRequest.LengthPrefix);
        frame[4] = AgentRequest.Format;
        frame[5] = ExitCode;
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(6), Output.Length);
        Output.CopyTo(frame.AsMemory(AgentRequest.LengthPrefix + Header));
        Error.CopyTo(frame.AsMemory(AgentRequest.LengthPrefix + Header + Output.Length));
        return frame;
    }

    public static AgentResponse Decode(ReadOnlyMemory<byte> body)
    {
        var span = body.Span;
        if (span.Length < Header || span[0] != AgentRequest.Format)
        {
            throw new FrameException("the agent's response has an unknown format: plugin and agent come from different releases");
        }

        var length = BinaryPrimitives.ReadInt32BigEndian(span[2..]);
        if (length < 0 || length > span.Length - Header)
        {
            throw new FrameException("the agent's response is truncated");
        }

        return new AgentResponse(span[1], body.Slice(Header, length), body[(Header + length)..]);
    }
}

using System.Buffers.Binary;
using System.Text;

namespace ACCOffload.HostStub.Wire;

internal enum AgentRequestKind : byte
{
    /// <summary>A CNI call, with the plugin's environment and standard input.</summary>
    Cni = 1,
    /// <summary>The agent's state as JSON.</summary>
    Status = 2,
    /// <summary>The device pools as JSON.</summary>
    Devices = 3,
}

/// <summary>
/// A request on the agent's unix socket. A frame is the length of its body (4 bytes, big endian) and the body: format (1), kind (1), length
/// of the environment (4), the environment as NUL-terminated NAME=VALUE strings, standard input.
/// </summary>
internal sealed class AgentRequest
{
    public const byte Format = 1;
    public const int LengthPrefix = 4;
    public const int MaxBody = 2 * 1024 * 1024;
    public const int MaxStdin = 1024 * 1024;
    public const int MaxEnvironment = 512 * 1024;
    private const int Header = 6;

    private AgentRequest(AgentRequestKind kind, Dictionary<string, string> environment, byte[] stdin)
    {
        Kind = kind;
        Environment = environment;
        Stdin = stdin;
    }

    public AgentRequestKind Kind { get; }

    public IReadOnlyDictionary<string, string> Environment { get; }

    public ReadOnlyMemory<byte> Stdin { get; }

    /// <summary>Returns a complete frame, including the length prefix.</summary>
    public static byte[] Encode(AgentRequestKind kind, IEnumerable<KeyValuePair<string, string>> environment, ReadOnlySpan<byte> stdin)
    {
        var text = new StringBuilder(4096);
        foreach (var (name, value) in environment)
        {
            text.Append(name).Append('=').Append(value).Append('\0');
        }

        var block = Encoding.UTF8.GetBytes(text.ToString());
        if (block.Length > MaxEnvironment)
        {
            throw new FrameException($"the environment is larger than {MaxEnvironment} bytes");
        }

        if (stdin.Length > MaxStdin)
        {
            throw new FrameException($"standard input is larger than {MaxStdin} bytes");
        }

        var frame = new byte[LengthPrefix + Header + block.Length + stdin.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame, frame.Length - LengthPrefix);
        frame[4] = Format;
        frame[5] = (byte)kind;
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(6), block.Length);
        block.CopyTo(frame, LengthPrefix + Header);
        stdin.CopyTo(frame.AsSpan(LengthPrefix + Header + block.Length));
        return frame;
    }

    /// <summary>Reads a body, checking every length in it.</summary>
    public static AgentRequest Decode(ReadOnlySpan<byte> body)
    {
        if (body.Length < Header)
        {
            throw new FrameException($"a request of {body.Length} bytes is too short");
        }

        if (body[0] != Format)
        {
            throw new FrameException(
                $"request format {body[0]} is unknown, this agent supports {Format}: plugin and agent come from different releases");
        }

        if (body[1] is < (byte)AgentRequestKind.Cni or > (byte)AgentRequestKind.Devices)
        {
            throw new FrameException($"request kind {body[1]} is unknown");
        }

        var length = BinaryPrimitives.ReadInt32BigEndian(body[2..]);
        if (length < 0 || length > MaxEnvironment || length > body.Length - Header)
        {
            throw new FrameException($"an environment of {length} bytes does not fit into a request of {body.Length} bytes");
        }

        var environment = DecodeEnvironment(body.Slice(Header, length));
        var stdin = body[(Header + length)..];
        if (stdin.Length > MaxStdin)
        {
            throw new FrameException($"standard input is larger than {MaxStdin} bytes");
        }

        return new AgentRequest((AgentRequestKind)body[1], environment, stdin.ToArray());
    }

    private static Dictionary<string, string> DecodeEnvironment(ReadOnlySpan<byte> block)
    {
        var environment = new Dictionary<string, string>(StringComparer.Ordinal);
        while (!block.IsEmpty)
        {
            var end = block.IndexOf((byte)0);
            var equals = end < 0 ? -1 : block[..end].IndexOf((byte)'=');
            if (equals <= 0)
            {
                throw new FrameException("the environment is not a list of NAME=VALUE");
            }

            environment[Encoding.UTF8.GetString(block[..equals])] = Encoding.UTF8.GetString(block[(equals + 1)..end]);
            block = block[(end + 1)..];
        }
        return environment;
    }
}

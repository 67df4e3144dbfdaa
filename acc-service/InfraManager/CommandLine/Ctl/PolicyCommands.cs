using System.CommandLine;
using System.Globalization;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.Protos.V1;
using Google.Protobuf;

namespace ACCOffload.InfraManager.CommandLine.Ctl;

/// <summary>The arguments of ctl policy.</summary>
internal sealed class PolicyCommands
{
    // What the service accepts in one message, with room for its frame.
    private const int MaxFileBytes = (1 << 20) - 1024;

    // RFC 792 and RFC 4443.
    private const ushort EchoRequest = 8;
    private const ushort EchoRequestV6 = 128;

    private readonly Argument<string> _pod = new("pod")
    {
        Description = "NAMESPACE/POD: what is in force for this pod, in order",
        Arity = ArgumentArity.ZeroOrOne,
        DefaultValueFactory = _ => "",
    };

    private readonly Argument<string> _source = new("source") { Description = "The sender: NAMESPACE/POD or an address" };
    private readonly Argument<string> _destination = new("destination") { Description = "The receiver: NAMESPACE/POD or an address" };
    private readonly Argument<string> _packet = new("protocol/port")
    {
        Description = "tcp/PORT, udp/PORT, sctp/PORT, icmp[/TYPE[/CODE]], icmpv6[/TYPE[/CODE]], or a protocol's number",
    };

    private readonly Option<string> _file = new("--file", "-f")
    {
        Description = "YAML or JSON with NetworkPolicies or ClusterNetworkPolicies; - for standard input",
        HelpName = "FILE",
        Required = true,
    };

    public Command Show() => new("policy", "Shows the network policy in force") { _pod };

    public Command Why() => new("why", "Says whether policy allows a packet, and which rule decides") { _source, _destination, _packet };

    public Command Try() => new("try", "Says what changed policies would change, without changing anything") { _file };

    /// <exception cref="CtlException">The file cannot be read.</exception>
    public async Task<TryPolicyRequest> TryRequestAsync(ParseResult parsed, TextReader input, CancellationToken cancellationToken)
    {
        var file = parsed.GetValue(_file)!;
        var name = file == "-" ? "standard input" : file;
        try
        {
            var text = await ReadAsync(file, input, cancellationToken);
            var request = new TryPolicyRequest();
            request.Documents.AddRange(YamlJson.Convert(text).Select(d => ByteString.CopyFrom(d)));
            return request.CalculateSize() <= MaxFileBytes
                ? request
                : throw new CtlException($"{name}: larger than {MaxFileBytes} bytes");
        }
        catch (FormatException e)
        {
            throw new CtlException($"{name}: {e.Message}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CtlException($"{name} cannot be read: {e.Message}");
        }
    }

    private static async Task<string> ReadAsync(string file, TextReader input, CancellationToken cancellationToken)
    {
        using var opened = file == "-" ? null : new StreamReader(file);
        var (reader, buffer) = (opened ?? input, new char[MaxFileBytes + 1]);
        var count = await reader.ReadBlockAsync(buffer, cancellationToken);
        return count <= MaxFileBytes ? new string(buffer, 0, count) : throw new FormatException($"larger than {MaxFileBytes} bytes");
    }

    /// <exception cref="CtlException">An argument is not valid.</exception>
    public GetPolicyRequest ShowRequest(ParseResult parsed)
    {
        var pod = parsed.GetValue(_pod)!;
        return pod.Length == 0 || pod.Split('/') is [{ Length: > 0 }, { Length: > 0 }]
            ? new GetPolicyRequest { Pod = pod }
            : throw new CtlException($"'{pod}' is not NAMESPACE/POD; 'inframanager ctl endpoints' lists the pods");
    }

    /// <exception cref="CtlException">An argument is not valid.</exception>
    public ExplainPolicyRequest WhyRequest(ParseResult parsed)
    {
        var (protocol, port) = Packet(parsed.GetValue(_packet)!);
        return new ExplainPolicyRequest
        {
            Source = parsed.GetValue(_source),
            Destination = parsed.GetValue(_destination),
            Protocol = protocol,
            Port = port,
        };
    }

    /// <summary>The protocol's number, and the port as policy numbers it.</summary>
    /// <exception cref="CtlException">The text is not valid.</exception>
    internal static (byte Protocol, ushort Port) Packet(string text)
    {
        var parts = text.Split('/');
        byte? protocol = parts[0].ToLowerInvariant() switch
        {
            "tcp" => IpProtocol.Tcp,
            "udp" => IpProtocol.Udp,
            "sctp" => IpProtocol.Sctp,
            "icmp" => IpProtocol.Icmp,
            "icmpv6" => IpProtocol.Icmpv6,
            var number when byte.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var parsed) => parsed,
            _ => null,
        };
        return (protocol, parts) switch
        {
            ({ } known, [_, var port]) when IpProtocol.HasPorts(known) => (known, Port(text, port)),
            (IpProtocol.Icmp, [_]) => (IpProtocol.Icmp, EchoRequest << 8),
            (IpProtocol.Icmpv6, [_]) => (IpProtocol.Icmpv6, EchoRequestV6 << 8),
            (IpProtocol.Icmp or IpProtocol.Icmpv6, [_, var type]) => (protocol.Value, (ushort)(Byte(text, type) << 8)),
            (IpProtocol.Icmp or IpProtocol.Icmpv6, [_, var type, var code]) =>
                (protocol.Value, (ushort)((Byte(text, type) << 8) | Byte(text, code))),
            ({ } known, [_]) when !IpProtocol.HasPorts(known) => (known, 0),
            _ => throw new CtlException(
                $"'{text}' is not tcp/PORT, udp/PORT, sctp/PORT, icmp[/TYPE[/CODE]], icmpv6[/TYPE[/CODE]] or a protocol's number"),
        };
    }

    private static ushort Port(string text, string port) =>
        ushort.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw new CtlException($"'{text}': {port} is not a port (0 to 65535)");

    private static byte Byte(string text, string part) =>
        byte.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw new CtlException($"'{text}': {part} is not 0 to 255");
}

using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.Protos.V1;

namespace ACCOffload.InfraManager.CommandLine.Ctl;

/// <summary>The options of ctl trace and the packet they describe.</summary>
internal sealed class TraceOptions
{
    private readonly Option<string?> _port = new("--port") { Description = "Ingress port: name or number", HelpName = "NAME|N" };
    private readonly Option<string?> _fromPod = new("--from-pod")
    {
        Description = "Sending pod instead of --port: [namespace/]name or container ID",
        HelpName = "POD",
    };

    private readonly Option<IPAddress?> _destination = Parsed<IPAddress>("--dst", "Destination address", "IP", Address);
    private readonly Option<IPAddress?> _source = Parsed<IPAddress>("--src", "Source address; default: the sender's", "IP", Address);
    private readonly Option<string?> _sourceMac = new("--src-mac") { Description = "Source MAC; default: the sender's", HelpName = "MAC" };
    private readonly Option<string?> _destinationMac = new("--dst-mac")
    {
        Description = "Destination MAC; default: the gateway's (broadcast for arp)",
        HelpName = "MAC",
    };

    private readonly Option<PacketProtocol?> _protocol =
        new("--proto") { Description = "Protocol; default: icmp", HelpName = "icmp|tcp|udp|arp" };
    private readonly Option<ushort> _sourcePort = new("--sport")
    {
        Description = "Source port for tcp and udp",
        DefaultValueFactory = _ => 40000,
    };

    private readonly Option<ushort> _destinationPort = new("--dport")
    {
        Description = "Destination port for tcp and udp",
        DefaultValueFactory = _ => 80,
    };

    private readonly Option<byte> _ttl = new("--ttl") { Description = "Time to live", DefaultValueFactory = _ => 64 };
    private readonly Option<int> _payload = new("--payload-len") { Description = "Payload length in bytes", DefaultValueFactory = _ => 56 };
    private readonly Option<string?> _hex =
        new("--hex") { Description = "Whole frame in hex, instead of the other options", HelpName = "FRAME" };

    public void AddTo(Command command)
    {
        Option[] options =
        [
            _port, _fromPod, _destination, _source, _sourceMac, _destinationMac, _protocol,
            _sourcePort, _destinationPort, _ttl, _payload, _hex,
        ];
        foreach (var option in options)
        {
            command.Options.Add(option);
        }

        _payload.Validators.Add(r =>
        {
            if (r.Tokens.Count > 0 && r.GetValueOrDefault<int>() is < 0 or > 9000)
            {
                r.AddError("--payload-len: must be 0 to 9000");
            }
        });
    }

    /// <summary>Builds the frame and determines its port; missing options are taken from the sending endpoint.</summary>
    /// <exception cref="CtlException">An option is missing or not valid.</exception>
    public (string Port, byte[] Frame) Build(ParseResult parsed, IReadOnlyList<EndpointInfo> endpoints, MacAddress gateway)
    {
        var sender = FindSender(parsed.GetValue(_fromPod), parsed.GetValue(_port), endpoints);
        var port = parsed.GetValue(_port)
            ?? (sender is null ? throw new CtlException("--port or --from-pod is missing")
                : sender.HasPort ? NumberOf(sender)
                : throw new CtlException($"--from-pod: the target has no port {sender.PortName} yet; 'inframanager ctl vports' says why"));
        if (parsed.GetValue(_hex) is { } hex)
        {
            return (port, ReadHex(hex));
        }

        var protocol = parsed.GetValue(_protocol) ?? PacketProtocol.Icmp;
        var packet = new PacketSpec
        {
            Protocol = protocol,
            Destination = parsed.GetValue(_destination)
                ?? throw new CtlException("--dst is missing (or specify the whole frame with --hex)"),
            Source = parsed.GetValue(_source)
                ?? (sender?.Addresses.Select(IpText.Parse).FirstOrDefault(a => a.AddressFamily == AddressFamily.InterNetwork))
                ?? throw new CtlException($"--src is missing: no endpoint owns port {port}"),
            SourceMac = Mac(
                "--src-mac",
                parsed.GetValue(_sourceMac)
                    ?? sender?.Mac ?? throw new CtlException($"--src-mac is missing: no endpoint owns port {port}")),
            DestinationMac = parsed.GetValue(_destinationMac) is { } mac ? Mac("--dst-mac", mac)
                : protocol == PacketProtocol.Arp ? new MacAddress(0xFFFF_FFFF_FFFF) : gateway,
            SourcePort = parsed.GetValue(_sourcePort),
            DestinationPort = parsed.GetValue(_destinationPort),
            Ttl = parsed.GetValue(_ttl),
            PayloadLength = parsed.GetValue(_payload),
        };
        return (port, PacketBuilder.Build(packet));
    }

    private static EndpointInfo? FindSender(string? pod, string? port, IReadOnlyList<EndpointInfo> endpoints)
    {
        if (pod is null)
        {
            return endpoints.FirstOrDefault(e => e.PortName == port || (e.HasPort && NumberOf(e) == port));
        }

        var found = endpoints.Where(e => e.PodName == pod || $"{e.PodNamespace}/{e.PodName}" == pod || e.ContainerId == pod).ToList();
        return found.Count switch
        {
            0 => throw new CtlException($"--from-pod: no pod {pod}; 'inframanager ctl endpoints' lists the pods"),
            1 => found[0],
            _ => throw new CtlException($"--from-pod: {pod} has {found.Count} endpoints; specify --port instead"),
        };
    }

    private static string NumberOf(EndpointInfo endpoint) => endpoint.Port.ToString(CultureInfo.InvariantCulture);

    private static byte[] ReadHex(string hex)
    {
        try
        {
            return Convert.FromHexString(string.Concat(hex.Where(c => !char.IsWhiteSpace(c) && c != ':')));
        }
        catch (FormatException)
        {
            throw new CtlException("--hex: not an even number of hex digits");
        }
    }

    private static MacAddress Mac(string option, string text) =>
        MacAddress.TryParse(text, out var mac) ? mac : throw new CtlException($"{option}: '{text}' is not a MAC address");

    private static string? Address(string text, out IPAddress address)
    {
        var problem = Parsers.Address(text, out address);
        return problem ?? (address.AddressFamily == AddressFamily.InterNetwork ? null : "is not IPv4; specify the whole frame with --hex");
    }

    private static Option<T?> Parsed<T>(string name, string description, string helpName, ValueParser<T> parser)
        where T : class
        => new(name)
        {
            Description = description,
            HelpName = helpName,
            CustomParser = result =>
            {
                var text = result.Tokens.Count == 1 ? result.Tokens[0].Value : "";
                var problem = parser(text, out var value);
                if (problem is null)
                {
                    return value;
                }

                result.AddError($"{name}: '{text}' {problem}");
                return null;
            },
        };
}

using System.CommandLine;
using System.Globalization;
using ACCOffload.Protos.V1;

namespace ACCOffload.InfraManager.CommandLine.Ctl;

/// <summary>The ctl commands service-add and service-remove.</summary>
internal sealed class ServiceCommands
{
    private readonly Argument<string> _name = new("name") { Description = "NAME or NAMESPACE/NAME" };
    private readonly Option<string> _address = new("--address") { Description = "Virtual address", HelpName = "IP", Required = true };
    private readonly Option<string[]> _ports = new("--port")
    {
        Description = "Port, optional backend port and protocol (default TCP); can be repeated",
        HelpName = "PORT[:TARGET][/PROTOCOL]",
        Required = true,
    };

    private readonly Option<string[]> _backends = new("--backend")
    {
        Description = "Address of a backend; can be repeated",
        HelpName = "IP",
        DefaultValueFactory = _ => [],
    };

    private readonly Option<int> _nodePort = new("--node-port")
    {
        Description = "Also serve the first port at the node's addresses",
        HelpName = "PORT",
    };

    private readonly Option<int> _affinity =
        new("--affinity") { Description = "How long a client keeps its backend", HelpName = "SECONDS" };

    public Command Add() => new("service-add", "Adds or replaces a service on a node without a cluster (Services:Source agent)")
    {
        _name, _address, _ports, _backends, _nodePort, _affinity,
    };

    public Command Remove() => new("service-remove", "Removes a service added with service-add") { _name };

    /// <exception cref="CtlException">An argument is not valid.</exception>
    public AddServiceRequest AddRequest(ParseResult parsed)
    {
        var (ns, name) = Name(parsed);
        var request = new AddServiceRequest
        {
            Namespace = ns,
            Name = name,
            Address = parsed.GetValue(_address),
            Affinity = NotNegative("--affinity", parsed.GetValue(_affinity)),
        };
        request.Backends.AddRange(parsed.GetValue(_backends));
        request.Ports.AddRange(parsed.GetValue(_ports)!.Select(Port));
        request.Ports[0].NodePort = NotNegative("--node-port", parsed.GetValue(_nodePort));
        return request;
    }

    public RemoveServiceRequest RemoveRequest(ParseResult parsed)
    {
        var (ns, name) = Name(parsed);
        return new RemoveServiceRequest { Namespace = ns, Name = name };
    }

    private static AddServicePort Port(string text)
    {
        var slash = text.Split('/', 2);
        var numbers = slash[0].Split(':', 2);
        return new AddServicePort
        {
            Protocol = slash.Length == 2 ? slash[1] : "TCP",
            Port = Number(text, numbers[0]),
            TargetPort = numbers.Length == 2 ? Number(text, numbers[1]) : 0,
        };
    }

    private static uint Number(string option, string text) =>
        uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw new CtlException($"--port {option}: specify PORT[:TARGET][/PROTOCOL] such as 80:8080/tcp");

    private static uint NotNegative(string option, int number) =>
        number >= 0 ? (uint)number : throw new CtlException($"{option} {number}: must not be negative");

    private (string Namespace, string Name) Name(ParseResult parsed)
    {
        var parts = parsed.GetValue(_name)!.Split('/', 2);
        return parts.Length == 2 ? (parts[0], parts[1]) : ("default", parts[0]);
    }
}

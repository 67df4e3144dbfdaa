using System.CommandLine;
using System.Globalization;
using ACCOffload.Protos.V1;

namespace ACCOffload.InfraManager.CommandLine.Ctl;

/// <summary>The commands of ctl about services: what is asked of the service.</summary>
internal sealed class ServiceCommands
{
    private readonly Argument<string> _name = new("name") { Description = "NAME or NAMESPACE/NAME" };
    private readonly Option<string> _address = new("--address") { Description = "The virtual address", HelpName = "IP", Required = true };
    private readonly Option<string[]> _ports = new("--port")
    {
        Description = "A port, where the backends listen if not there, and the protocol if not TCP; may be given again",
        HelpName = "PORT[:TARGET][/PROTOCOL]",
        Required = true,
    };

    private readonly Option<string[]> _backends = new("--backend") { Description = "A backend's address; may be given again", HelpName = "IP", DefaultValueFactory = _ => [] };
    private readonly Option<int> _nodePort = new("--node-port") { Description = "Serve the first port at the node's addresses, too", HelpName = "PORT" };
    private readonly Option<int> _affinity = new("--affinity") { Description = "How long a client keeps its backend", HelpName = "SECONDS" };

    public Command Add() => new("service-add", "Sets a service as a whole, on a node without a cluster (Services:Source agent)") { _name, _address, _ports, _backends, _nodePort, _affinity };

    public Command Remove() => new("service-remove", "Removes a service that service-add made") { _name };

    /// <exception cref="CtlException">Something can't be read.</exception>
    public AddServiceRequest AddRequest(ParseResult parsed)
    {
        var (space, name) = Name(parsed);
        var request = new AddServiceRequest { Namespace = space, Name = name, Address = parsed.GetValue(_address), Affinity = Positive("--affinity", parsed.GetValue(_affinity)) };
        request.Backends.AddRange(parsed.GetValue(_backends));
        request.Ports.AddRange(parsed.GetValue(_ports)!.Select(Port));
        request.Ports[0].NodePort = Positive("--node-port", parsed.GetValue(_nodePort));
        return request;
    }

    public RemoveServiceRequest RemoveRequest(ParseResult parsed)
    {
        var (space, name) = Name(parsed);
        return new RemoveServiceRequest { Namespace = space, Name = name };
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
        uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : throw new CtlException($"--port {option}: give PORT[:TARGET][/PROTOCOL] such as 80:8080/tcp");

    private static uint Positive(string option, int number) => number >= 0 ? (uint)number : throw new CtlException($"{option} {number}: give no negative number");

    private (string Namespace, string Name) Name(ParseResult parsed)
    {
        var parts = parsed.GetValue(_name)!.Split('/', 2);
        return parts.Length == 2 ? (parts[0], parts[1]) : ("default", parts[0]);
    }
}

using System.CommandLine;
using System.Text.Json;
using ACCOffload.Protos.V1;

namespace ACCOffload.InfraManager.CommandLine.Ctl;

/// <summary>The commands of ctl that take back what a host told.</summary>
internal sealed class RepairCommands
{
    private const string Again = "accoffload.v1";

    private readonly Argument<string> _key = new("key")
    {
        Description = "NETWORK/CONTAINER/INTERFACE, as ctl endpoints --json has them",
        Arity = ArgumentArity.ZeroOrOne,
        DefaultValueFactory = _ => "",
    };

    private readonly Option<string> _address = new("--address") { Description = "Those that have this address", HelpName = "IP", DefaultValueFactory = _ => "" };
    private readonly Option<string> _mac = new("--mac") { Description = "Those that have this MAC address", HelpName = "MAC", DefaultValueFactory = _ => "" };

    public Command Remove() => new("endpoint-remove", "Removes endpoints of either API; what the host still has comes back with its next Sync") { _key, _address, _mac };

    public static Command Reset() => new("host-reset", "Forgets all endpoints of the node's host and its epoch; its agent begins again and states what it has");

    /// <exception cref="CtlException">Something can't be read, or nothing was told.</exception>
    public RemoveEndpointsRequest RemoveRequest(ParseResult parsed)
    {
        var request = new RemoveEndpointsRequest { Address = parsed.GetValue(_address) ?? "", Mac = parsed.GetValue(_mac) ?? "" };
        var key = parsed.GetValue(_key) ?? "";
        if (key.Length == 0)
        {
            return request is { Address.Length: 0, Mac.Length: 0 } ? throw new CtlException("endpoint-remove: give NETWORK/CONTAINER/INTERFACE, --address or --mac") : request;
        }
        // A container's name may have slashes in it (a 24.01 agent's is a path); the others have none, or few.
        var (first, last) = (key.IndexOf('/', StringComparison.Ordinal), key.LastIndexOf('/'));
        if (first <= 0 || last <= first + 1 || last == key.Length - 1)
        {
            throw new CtlException($"endpoint-remove {key}: give NETWORK/CONTAINER/INTERFACE");
        }

        (request.Network, request.ContainerId, request.InterfaceName) = (key[..first], key[(first + 1)..last], key[(last + 1)..]);
        return request;
    }

    public static void Text(TextWriter writer, RemoveEndpointsReply reply, bool all)
    {
        foreach (var endpoint in reply.Endpoints)
        {
            writer.WriteLine($"removed {endpoint.Network}/{endpoint.ContainerId}/{endpoint.InterfaceName} ({endpoint.Api}): {string.Join(", ", endpoint.Addresses)} at {endpoint.Mac}");
        }

        if (reply.Endpoints.Count == 0)
        {
            writer.WriteLine("there was none");
        }

        if (all)
        {
            writer.WriteLine("the host's epoch has ended; its agent begins again within seconds");
        }

        if (reply.Endpoints.Any(e => e.Api == Again))
        {
            writer.WriteLine("what the host still has comes back with its agent's next Sync; to be rid of it, delete the pod, or run the plugin's DEL on the host");
        }

        if (reply.Endpoints.Any(e => e.Api != Again))
        {
            writer.WriteLine("a 24.01 agent does not state what it has again: restart the pods that came through infra.InfraAgent and are still there");
        }
    }

    public static void Json(Utf8JsonWriter json, RemoveEndpointsReply reply)
    {
        json.WriteStartObject();
        json.WriteStartArray("removed");
        foreach (var endpoint in reply.Endpoints)
        {
            json.WriteStartObject();
            json.WriteString("api", endpoint.Api);
            json.WriteString("network", endpoint.Network);
            json.WriteString("containerId", endpoint.ContainerId);
            json.WriteString("interfaceName", endpoint.InterfaceName);
            json.WriteString("mac", endpoint.Mac);
            json.WriteStartArray("addresses");
            foreach (var address in endpoint.Addresses)
            {
                json.WriteStringValue(address);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }
}

using System.CommandLine;
using System.Text.Json;
using ACCOffload.Protos.V1;

namespace ACCOffload.InfraManager.CommandLine.Ctl;

/// <summary>The ctl commands endpoint-remove and host-reset.</summary>
internal sealed class RepairCommands
{
    // Agents that use this API report their attachments again with a Sync.
    private const string SyncingApi = "accoffload.v1";

    private readonly Argument<string> _key = new("key")
    {
        Description = "NETWORK/CONTAINER/INTERFACE, as shown by ctl endpoints --json",
        Arity = ArgumentArity.ZeroOrOne,
        DefaultValueFactory = _ => "",
    };

    private readonly Option<string> _address = new("--address")
    {
        Description = "Endpoints with this address",
        HelpName = "IP",
        DefaultValueFactory = _ => "",
    };

    private readonly Option<string> _mac = new("--mac")
    {
        Description = "Endpoints with this MAC address",
        HelpName = "MAC",
        DefaultValueFactory = _ => "",
    };

    public Command Remove() =>
        new("endpoint-remove", "Removes endpoints; those that the host still has will return with its agent's next Sync")
        {
            _key, _address, _mac,
        };

    public static Command Reset() =>
        new("host-reset", "Removes all endpoints of the host and ends its epoch; its agent begins a new one and reports them again");

    /// <exception cref="CtlException">The key is not valid, or nothing is specified.</exception>
    public RemoveEndpointsRequest RemoveRequest(ParseResult parsed)
    {
        var request = new RemoveEndpointsRequest { Address = parsed.GetValue(_address) ?? "", Mac = parsed.GetValue(_mac) ?? "" };
        var key = parsed.GetValue(_key) ?? "";
        if (key.Length == 0)
        {
            return request is { Address.Length: 0, Mac.Length: 0 }
                ? throw new CtlException("endpoint-remove: specify NETWORK/CONTAINER/INTERFACE, --address or --mac")
                : request;
        }
        // The container ID may contain slashes (a 24.01 agent uses a path); the network and interface names do not.
        var (first, last) = (key.IndexOf('/', StringComparison.Ordinal), key.LastIndexOf('/'));
        if (first <= 0 || last <= first + 1 || last == key.Length - 1)
        {
            throw new CtlException($"endpoint-remove {key}: specify NETWORK/CONTAINER/INTERFACE");
        }

        (request.Network, request.ContainerId, request.InterfaceName) = (key[..first], key[(first + 1)..last], key[(last + 1)..]);
        return request;
    }

    public static void Text(TextWriter writer, RemoveEndpointsReply reply, bool isReset)
    {
        foreach (var endpoint in reply.Endpoints)
        {
            var key = $"{endpoint.Network}/{endpoint.ContainerId}/{endpoint.InterfaceName}";
            writer.WriteLine($"removed {key} ({endpoint.Api}): {string.Join(", ", endpoint.Addresses)} at {endpoint.Mac}");
        }

        if (reply.Endpoints.Count == 0)
        {
            writer.WriteLine(isReset ? "the host had no endpoints" : "no matching endpoints");
        }

        if (isReset)
        {
            writer.WriteLine("the host's epoch has ended; its agent begins a new one within seconds");
        }

        if (reply.Endpoints.Any(e => e.Api == SyncingApi))
        {
            writer.WriteLine(
                "endpoints that the host still has will return with the agent's next Sync; to prevent that, delete the pod or run DEL "
                    + "on the host");
        }

        if (reply.Endpoints.Any(e => e.Api != SyncingApi))
        {
            writer.WriteLine(
                "a 24.01 agent does not report its endpoints again; restart pods attached through infra.InfraAgent that still exist");
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

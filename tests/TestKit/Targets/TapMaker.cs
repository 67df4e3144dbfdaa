using System.Net;
using ACCOffload.TestKit.Labs;
using Gnmi;
using Grpc.Net.Client;

namespace ACCOffload.TestKit.Targets;

/// <summary>Makes TAPs of a target through gNMI, as the scripts of a host do that has infrap4d.</summary>
public static class TapMaker
{
    /// <summary>Makes one TAP, over a unix socket.</summary>
    public static Task MakeAsync(string name, string socketPath) => MakeAsync(name, Channels.Unix(socketPath));

    /// <summary>Makes one TAP, over mutual TLS from within a network namespace.</summary>
    /// <param name="name">The TAP's.</param>
    /// <param name="server">Its gNMI server.</param>
    /// <param name="netns">The name of the network namespace where the server is reached.</param>
    /// <param name="pki">The folder of the node's certificates and keys.</param>
    public static Task MakeAsync(string name, IPEndPoint server, string netns, string pki) =>
        MakeAsync(name, Channels.Tls("localhost", server, netns, $"{pki}/p4rt-client"));

    private static async Task MakeAsync(string name, GrpcChannel connected)
    {
        using var channel = connected;
        var request = new SetRequest();
        foreach ((var leaf, var value) in new[] { ("mtu", new TypedValue { IntVal = 1500 }),
            ("port-type", new TypedValue { StringVal = "TAP" }) })
        {
            var path = new Gnmi.Path
            {
                Elem =
                {
                    new PathElem { Name = "interfaces" }, new PathElem { Name = "virtual-interface", Key = { ["name"] = name } },
                    new PathElem { Name = "config" },
                    new PathElem { Name = leaf },
                },
            };
            request.Update.Add(new Update { Path = path, Val = value });
        }

        await new gNMI.gNMIClient(channel).SetAsync(request, deadline: DateTime.UtcNow.AddSeconds(30));
    }
}

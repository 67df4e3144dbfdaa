using System.Net;
using ACCOffload.TestKit.Labs;
using Gnmi;
using Grpc.Net.Client;

namespace ACCOffload.TestKit.Targets;

/// <summary>Creates TAPs on a target through gNMI, like the setup scripts of an infrap4d host.</summary>
public static class TapCreator
{
    /// <summary>Creates a TAP over a unix socket.</summary>
    public static Task CreateAsync(string name, string socketPath) => CreateAsync(name, Channels.Unix(socketPath));

    /// <summary>Creates a TAP over mutual TLS, from within a network namespace.</summary>
    /// <param name="name">The TAP's name.</param>
    /// <param name="server">The gNMI server.</param>
    /// <param name="netns">The name of the namespace to connect from.</param>
    /// <param name="pki">The folder of the node's certificates and keys.</param>
    public static Task CreateAsync(string name, IPEndPoint server, string netns, string pki) =>
        CreateAsync(name, Channels.Tls("localhost", server, netns, $"{pki}/p4rt-client"));

    private static async Task CreateAsync(string name, GrpcChannel connected)
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

using ACCOffload.Fuzz.Engine;
using ACCOffload.Fuzz.Rpc;
using ACCOffload.InfraManager.Tests.Fixtures;
using ACCOffload.Protos.Infra;
using Grpc.Core;
using Grpc.Net.Client;

namespace ACCOffload.Fuzz.Doors;

/// <summary>The API as it is served: sockets, TLS and all, with the product's judge behind it; and the legitimate client, which must always be served.</summary>
internal sealed class ServedApi : IDisposable
{
    /// <summary>Much more than any request takes on a busy machine, and less than a runtime's patience.</summary>
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(15);

    private readonly GrpcChannel _channel;

    public ServedApi()
    {
        Api = ApiFixture.StartAsync(servicesFrom: "agent", core: new SerializedCore(new JudgedCore())).GetAwaiter().GetResult();
        Own = Api.Pki.IssueHost();
        Foreign = Api.Pki.IssueHost("node-2");
        _channel = Api.Connect(Own);
    }

    public ApiFixture Api { get; }

    /// <summary>This node's certificate.</summary>
    public System.Security.Cryptography.X509Certificates.X509Certificate2 Own { get; }

    /// <summary>Another node's.</summary>
    public System.Security.Cryptography.X509Certificates.X509Certificate2 Foreign { get; }

    /// <summary>A connection with this node's certificate.</summary>
    public GrpcChannel Channel => _channel;

    public static DateTime Deadline => DateTime.UtcNow + Bound;

    /// <summary>A legitimate pod of the host's comes and goes; on a connection of its own, or on one that is there.</summary>
    /// <exception cref="FuzzFailure">It is not served.</exception>
    public async Task ServeAsync(bool anew)
    {
        using var handler = anew ? Api.Handler(Own) : null;
        using var own = handler is null ? null : GrpcChannel.ForAddress(Api.ApiAddress, new GrpcChannelOptions { HttpHandler = handler });
        var client = new InfraAgent.InfraAgentClient(own ?? _channel);
        try
        {
            var reply = await client.DeleteNetworkAsync(
                new DeleteNetworkRequest { DelRequest = new DelRequest { InterfaceName = "eth0", Netns = "/var/run/netns/legitimate" } }, deadline: Deadline);
            FuzzFailure.Unless(reply.Successful, $"a legitimate request was refused: {reply.ErrorMessage}");
        }
        catch (RpcException e)
        {
            throw new FuzzFailure($"the legitimate client was not served: {e.Status}", e);
        }
    }

    public void Dispose()
    {
        Api.DisposeAsync().AsTask().GetAwaiter().GetResult();
        Own.Dispose();
        Foreign.Dispose();
    }
}

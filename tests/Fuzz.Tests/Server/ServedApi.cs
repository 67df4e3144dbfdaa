using ACCOffload.Fuzz.Tests.Engine;
using ACCOffload.Fuzz.Tests.Rpc;
using ACCOffload.InfraManager.TestKit;
using ACCOffload.Protos.Infra;
using Grpc.Core;
using Grpc.Net.Client;

namespace ACCOffload.Fuzz.Tests.Server;

/// <summary>
/// The API, served over real sockets and TLS and backed by the product's admission rules, with a legitimate client that must always be
/// served.
/// </summary>
internal sealed class ServedApi : IDisposable
{
    /// <summary>Far above the duration of any request on a busy machine and below the timeout of a container runtime.</summary>
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(15);

    private readonly GrpcChannel _channel;

    public ServedApi()
    {
        Api = ApiFixture.StartAsync(servicesFrom: "agent", core: new SerializedCore(new AdmissionCore()), takesPolicy: true)
            .GetAwaiter().GetResult();
        Own = Api.Pki.IssueHost();
        Foreign = Api.Pki.IssueHost("node-2");
        _channel = Api.Connect(Own);
    }

    public ApiFixture Api { get; }

    /// <summary>The certificate of this node.</summary>
    public System.Security.Cryptography.X509Certificates.X509Certificate2 Own { get; }

    /// <summary>The certificate of another node.</summary>
    public System.Security.Cryptography.X509Certificates.X509Certificate2 Foreign { get; }

    /// <summary>A channel with this node's certificate.</summary>
    public GrpcChannel Channel => _channel;

    public static DateTime Deadline => DateTime.UtcNow + Bound;

    /// <summary>Sends a legitimate request to remove a pod, over a new connection or the existing one.</summary>
    /// <exception cref="FuzzFailure">The request was not served.</exception>
    public async Task ServeAsync(bool anew)
    {
        using var handler = anew ? Api.Handler(Own) : null;
        using var own = handler is null ? null : GrpcChannel.ForAddress(Api.ApiAddress, new GrpcChannelOptions { HttpHandler = handler });
        var client = new InfraAgent.InfraAgentClient(own ?? _channel);
        try
        {
            var reply = await client.DeleteNetworkAsync(
                new DeleteNetworkRequest { DelRequest = new DelRequest { InterfaceName = "eth0", Netns = "/var/run/netns/legitimate" } },
                deadline: Deadline);
            FuzzFailure.Unless(reply.Successful, $"a legitimate request was rejected: {reply.ErrorMessage}");
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

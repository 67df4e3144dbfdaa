using System.Net;
using System.Net.Sockets;
using ACCOffload.InfraManager.Tests.Fixtures;
using ACCOffload.Protos.V1;
using Grpc.Core;
using Grpc.Health.V1;

namespace ACCOffload.InfraManager.Tests.Security;

/// <summary>What a client, or nobody, can make the service spend.</summary>
public sealed class LimitsTests
{
    [Fact]
    public async Task More_connections_than_allowed_are_closed_and_other_doors_stay_open()
    {
        await using var api = await ApiFixture.StartAsync(change: s => s with { MaxConnections = 2, HandshakeTimeout = TimeSpan.FromSeconds(60) });
        using var first = await ConnectAsync(api);
        using var second = await ConnectAsync(api);
        await AssertRefusedAsync(api);
        await Eventually.TrueAsync(() => api.Log.Matching("there are 2 connections already").Any(), "the refusal is told");
        using var health = api.ConnectPlain(api.HealthAddress);
        await new Health.HealthClient(health).CheckAsync(new HealthCheckRequest());
    }

    [Fact]
    public async Task A_handshake_that_does_not_end_is_ended()
    {
        await using var api = await ApiFixture.StartAsync(change: s => s with { HandshakeTimeout = TimeSpan.FromSeconds(1) });
        using var silent = await ConnectAsync(api);
        await AssertClosedAsync(silent);
        await Eventually.TrueAsync(() => api.Log.Matching("the TLS handshake timed out").Any(), string.Join('|', api.Log.Lines));
    }

    [Fact]
    public async Task What_is_no_tls_is_refused()
    {
        await using var api = await ApiFixture.StartAsync();
        using var client = await ConnectAsync(api);
        await client.GetStream().WriteAsync("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8.ToArray());
        await AssertClosedAsync(client);
        await Eventually.TrueAsync(() => api.Log.Matching("it speaks no TLS").Any(), string.Join('|', api.Log.Lines));
        Assert.Empty(api.Core.Intents);
    }

    [Fact]
    public async Task A_request_beyond_the_limit_is_resource_exhausted()
    {
        await using var api = await ApiFixture.StartAsync(change: s => s with { MaxMessageBytes = 2048 });
        using var certificate = api.Pki.IssueHost();
        using var channel = api.Connect(certificate);
        var request = Requests.Attach();
        request.PodName = new string('x', 4096);
        var e = await Assert.ThrowsAsync<RpcException>(async () => await new Offload.OffloadClient(channel).AttachAsync(request));
        Assert.Equal(StatusCode.ResourceExhausted, e.StatusCode);
        Assert.Empty(api.Core.Intents);
    }

    /// <summary>A connection that the server closes at once may be reset before the client's connect has returned.</summary>
    private static async Task AssertRefusedAsync(ApiFixture api)
    {
        try
        {
            using var client = await ConnectAsync(api);
            await AssertClosedAsync(client);
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionReset or SocketError.ConnectionAborted)
        {
        }
    }

    private static async Task AssertClosedAsync(TcpClient client)
    {
        try
        {
            // A TLS alert may come first.
            while (await client.GetStream().ReadAsync(new byte[64]).AsTask().WaitAsync(TimeSpan.FromSeconds(60)) > 0)
            {
            }
        }
        catch (IOException)
        {
            // A reset says the same.
        }
    }

    private static async Task<TcpClient> ConnectAsync(ApiFixture api)
    {
        var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, api.ApiAddress.Port);
        return client;
    }
}

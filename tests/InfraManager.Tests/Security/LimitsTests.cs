using System.Net;
using System.Net.Sockets;
using ACCOffload.InfraManager.TestKit;
using ACCOffload.InfraManager.Tests.Fixtures;
using ACCOffload.Protos.V1;
using Grpc.Core;
using Grpc.Health.V1;

namespace ACCOffload.InfraManager.Tests.Security;

/// <summary>Limits on what a client can use, even one without a certificate: it cannot exhaust the resources of other clients.</summary>
public sealed class LimitsTests
{
    [Fact]
    public async Task Silent_connections_do_not_block_a_client_behind_the_same_address()
    {
        await using var api = await ApiFixture.StartAsync(change: s =>
            s with { Connections = s.Connections with { HandshakeTimeout = TimeSpan.FromSeconds(60) } });
        using var certificate = api.Pki.IssueHost();
        var silent = new List<TcpClient>();
        try
        {
            for (var i = 0; i < 300; i++)
            {
                silent.Add(await ConnectAsync(api.ApiAddress));
            }

            using var stopping = new CancellationTokenSource();
            // More silent connections arrive while the client connects.
            var flood = FloodAsync(api.ApiAddress, stopping.Token);
            try
            {
                for (var i = 0; i < 5; i++)
                {
                    await AttachAsync(api, certificate);
                }
            }
            finally
            {
                await stopping.CancelAsync();
                await flood;
            }
            await AssertClosedAsync(silent[0]);
            Assert.InRange(api.Log.Matching("its TLS handshake was not finished").Count(), 1, 10);
        }
        finally
        {
            silent.ForEach(c => c.Dispose());
        }
    }

    [Fact]
    public async Task Silent_connections_do_not_block_other_listeners()
    {
        await using var api = await ApiFixture.StartAsync(change: s => s with { Connections = s.Connections with { MaxHandshakes = 2 } });
        using var first = await ConnectAsync(api.ApiAddress);
        using var second = await ConnectAsync(api.ApiAddress);
        using var third = await ConnectAsync(api.ApiAddress);
        await AssertClosedAsync(first);
        await CheckHealthAsync(api);
    }

    [Fact]
    public async Task A_client_that_never_closes_a_connection_is_served_on_each_new_one()
    {
        await using var api = await ApiFixture.StartAsync();
        using var certificate = api.Pki.IssueHost();
        // Like the 24.01 agent, which leaves a connection open after every message.
        for (var i = 0; i < 300; i++)
        {
            await AttachAsync(api, certificate);
        }

        Assert.InRange(api.Server.Connections, 1, 80);
        Assert.Empty(api.Log.Matching("connections of the group are in use"));
    }

    [Fact]
    public async Task Connections_with_open_requests_are_kept_and_more_are_refused()
    {
        await using var api = await ApiFixture.StartAsync(change: s => s with { Connections = s.Connections with { MaxConnections = 2 } });
        using var certificate = api.Pki.IssueHost();
        var watches = new List<AsyncServerStreamingCall<HealthCheckResponse>>();
        for (var i = 0; i < 2; i++)
        {
            watches.Add(new Health.HealthClient(api.Connect(certificate)).Watch(new HealthCheckRequest()));
            Assert.True(await watches[i].ResponseStream.MoveNext(CancellationToken.None));
        }
        await Assert.ThrowsAsync<RpcException>(() => AttachAsync(api, certificate));
        await Eventually.TrueAsync(() => api.Log.Matching("all 2 connections of the group are in use").Any(), "the refusal is reported");
        watches[0].Dispose();
        await Eventually.TrueAsync(() => AttachAsync(api, certificate)
            .ContinueWith(t => t.IsCompletedSuccessfully, TaskScheduler.Default), "a connection is free again");
        watches[1].Dispose();
    }

    [Fact]
    public async Task Connections_of_another_node_do_not_use_this_nodes_share()
    {
        await using var api = await ApiFixture.StartAsync(change: s => s with { Connections = s.Connections with { MaxConnections = 1 } });
        using var foreign = api.Pki.IssueHost("node-2");
        using var own = api.Pki.IssueHost();
        var watches = new List<AsyncServerStreamingCall<HealthCheckResponse>>();
        // One after the other: a connection without a request would be closed to make room for the next one.
        for (var i = 0; i < 8; i++)
        {
            watches.Add(new Health.HealthClient(api.Connect(foreign)).Watch(new HealthCheckRequest()));
            Assert.True(await watches[i].ResponseStream.MoveNext(CancellationToken.None));
        }
        watches.Add(new Health.HealthClient(api.Connect(foreign)).Watch(new HealthCheckRequest()));
        await Eventually.TrueAsync(() => api.Log.Matching("all 8 connections of the group are in use").Any(),
            "the other node has reached its limit");
        await AttachAsync(api, own);
        watches.ForEach(w => w.Dispose());
    }

    [Fact]
    public async Task An_idle_connection_is_closed_and_the_client_reconnects()
    {
        await using var api = await ApiFixture.StartAsync(change: s =>
            s with { Connections = s.Connections with { Idle = TimeSpan.FromSeconds(1) } });
        using var certificate = api.Pki.IssueHost();
        var client = new Offload.OffloadClient(api.Connect(certificate));
        await client.AttachAsync(Requests.Attach());
        await Eventually.TrueAsync(() => api.Server.Connections == 0, "the idle connection is closed");
        await client.AttachAsync(Requests.Attach());
    }

    [Fact]
    public async Task An_incomplete_request_times_out_and_others_on_its_connection_continue()
    {
        await using var api = await ApiFixture.StartAsync(change: s =>
            s with { Connections = s.Connections with { RequestArrival = TimeSpan.FromSeconds(1) } });
        using var certificate = api.Pki.IssueHost();
        using var http = new HttpClient(api.Handler(certificate));
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(api.ApiAddress, "/accoffload.v1.Offload/Attach"))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new StalledContent(),
        };
        request.Headers.TE.Add(new("trailers"));
        await Assert.ThrowsAnyAsync<Exception>(() => http.SendAsync(request));
        await Eventually.TrueAsync(() => api.Log.Matching("/accoffload.v1.Offload/Attach did not arrive within 1 s").Any(),
            string.Join('|', api.Log.Lines));
        Assert.Equal(1, api.Server.Connections);
        Assert.Empty(api.Core.Intents);
    }

    [Fact]
    public async Task The_health_port_serves_new_clients_despite_open_connections()
    {
        await using var api = await ApiFixture.StartAsync();
        using var certificate = api.Pki.IssueHost();
        var silent = new List<TcpClient>();
        var watches = new List<AsyncServerStreamingCall<HealthCheckResponse>>();
        for (var i = 0; i < 100; i++)
        {
            silent.Add(await ConnectAsync(api.HealthAddress));
        }

        for (var i = 0; i < 40; i++)
        {
            watches.Add(new Health.HealthClient(api.ConnectPlain(api.HealthAddress)).Watch(new HealthCheckRequest()));
            Assert.True(await watches[i].ResponseStream.MoveNext(CancellationToken.None));
        }
        await CheckHealthAsync(api);
        await AttachAsync(api, certificate);
        watches.ForEach(w => w.Dispose());
        silent.ForEach(c => c.Dispose());
    }

    [Fact]
    public async Task A_handshake_that_does_not_complete_is_ended()
    {
        await using var api = await ApiFixture.StartAsync(change: s =>
            s with { Connections = s.Connections with { HandshakeTimeout = TimeSpan.FromSeconds(1) } });
        using var silent = await ConnectAsync(api.ApiAddress);
        await AssertClosedAsync(silent);
        await Eventually.TrueAsync(() => api.Log.Matching("the TLS handshake timed out").Any(), string.Join('|', api.Log.Lines));
    }

    [Fact]
    public async Task A_handshake_of_one_byte_at_a_time_or_half_closed_is_ended()
    {
        await using var api = await ApiFixture.StartAsync(change: s =>
            s with { Connections = s.Connections with { HandshakeTimeout = TimeSpan.FromSeconds(2) } });
        using var slow = await ConnectAsync(api.ApiAddress);
        using var half = await ConnectAsync(api.ApiAddress);
        half.Client.Shutdown(SocketShutdown.Send);
        var drip = DripAsync(slow);
        await AssertClosedAsync(slow);
        await AssertClosedAsync(half);
        await drip;
    }

    [Fact]
    public async Task A_connection_without_TLS_is_refused()
    {
        await using var api = await ApiFixture.StartAsync();
        using var client = await ConnectAsync(api.ApiAddress);
        await client.GetStream().WriteAsync("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8.ToArray());
        await AssertClosedAsync(client);
        await Eventually.TrueAsync(() => api.Log.Matching("it does not speak TLS").Any(), string.Join('|', api.Log.Lines));
        Assert.Empty(api.Core.Intents);
    }

    [Fact]
    public async Task A_request_over_the_size_limit_is_resource_exhausted()
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

    /// <summary>Attaches on a new connection, which stays open.</summary>
    private static async Task AttachAsync(ApiFixture api, System.Security.Cryptography.X509Certificates.X509Certificate2 certificate) =>
        await new Offload.OffloadClient(api.Connect(certificate)).AttachAsync(Requests.Attach(), deadline: DateTime.UtcNow.AddSeconds(20));

    private static async Task CheckHealthAsync(ApiFixture api) =>
        await new Health.HealthClient(api.ConnectPlain(api.HealthAddress)).CheckAsync(new HealthCheckRequest(),
            deadline: DateTime.UtcNow.AddSeconds(20));

    private static async Task FloodAsync(Uri address, CancellationToken cancellation)
    {
        var silent = new List<TcpClient>();
        while (!cancellation.IsCancellationRequested && silent.Count < 5000)
        {
            silent.Add(await ConnectAsync(address));
            if (silent.Count % 4 == 0)
            {
                await Task.Delay(1, CancellationToken.None);
            }
        }
        silent.ForEach(c => c.Dispose());
    }

    private static async Task DripAsync(TcpClient client)
    {
        try
        {
            // The beginning of a ClientHello that would take almost half an hour.
            for (byte[] record = [0x16, 3, 1, 0x40, 0]; ; record = [1])
            {
                await client.Client.SendAsync(record);
                await Task.Delay(100);
            }
        }
        catch (SocketException)
        {
            // It was closed.
        }
    }

    private static async Task AssertClosedAsync(TcpClient client)
    {
        try
        {
            var buffer = new byte[256];
            while (await client.Client.ReceiveAsync(buffer) > 0)
            {
                // An alert may come before the end.
            }
        }
        catch (SocketException)
        {
            // A reset also ends the connection.
        }
    }

    private static async Task<TcpClient> ConnectAsync(Uri address)
    {
        while (true)
        {
            var client = new TcpClient();
            try
            {
                await client.ConnectAsync(IPAddress.Loopback, address.Port);
                return client;
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
            {
                // It was accepted and closed before connect returned, which is not tested here.
                client.Dispose();
            }
        }
    }

    /// <summary>The first bytes of a message that never continues.</summary>
    private sealed class StalledContent : HttpContent
    {
        public StalledContent() => Headers.ContentType = new("application/grpc");

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
        {
            await stream.WriteAsync(new byte[] { 0, 0, 0, 1, 0, 10 }, cancellationToken);
            await stream.FlushAsync(cancellationToken);
            await Task.Delay(Timeout.Infinite, cancellationToken);
        }

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
            SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}

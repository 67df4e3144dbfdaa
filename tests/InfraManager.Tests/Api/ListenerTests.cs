using ACCOffload.InfraManager.TestKit;
using ACCOffload.InfraManager.Tests.Fixtures;
using ACCOffload.Protos.V1;
using Grpc.Core;
using Grpc.Health.V1;
using Grpc.Net.Client;

namespace ACCOffload.InfraManager.Tests.Api;

/// <summary>Each listener serves only its own services.</summary>
public sealed class ListenerTests
{
    [Fact]
    public async Task The_plain_port_serves_health_only()
    {
        await using var api = await ApiFixture.StartAsync();
        using var channel = api.ConnectPlain(api.HealthAddress);
        var health = await new Health.HealthClient(channel).CheckAsync(new HealthCheckRequest { Service = "infra.InfraAgent" });
        Assert.Equal(HealthCheckResponse.Types.ServingStatus.Serving, health.Status);
        await AssertNotServedAsync(channel, offload: true, agent: true, control: true);
        Assert.Empty(api.Core.Intents);
    }

    [Fact]
    public async Task The_mutual_tls_port_does_not_serve_ctl()
    {
        await using var api = await ApiFixture.StartAsync();
        using var certificate = api.Pki.IssueHost();
        await AssertNotServedAsync(api.Connect(certificate), offload: false, agent: false, control: true);
    }

    [Fact]
    public async Task The_control_socket_serves_ctl_only()
    {
        await using var api = await ApiFixture.StartAsync();
        var channel = api.ConnectControl();
        Assert.Equal("node-1", (await new Protos.V1.Control.ControlClient(channel).GetStatusAsync(new GetStatusRequest())).Node);
        await AssertNotServedAsync(channel, offload: true, agent: true, control: false);
        Assert.Empty(api.Core.Intents);
    }

    private static async Task AssertNotServedAsync(GrpcChannel channel, bool offload, bool agent, bool control)
    {
        if (offload)
        {
            await AssertUnimplementedAsync(async () => await new Offload.OffloadClient(channel).AttachAsync(Requests.Attach()));
        }

        if (agent)
        {
            var client = new Protos.Infra.InfraAgent.InfraAgentClient(channel);
            await AssertUnimplementedAsync(async () => await client.CreateNetworkAsync(Requests.CreateNetwork()));
        }

        if (control)
        {
            await AssertUnimplementedAsync(
                async () => await new Protos.V1.Control.ControlClient(channel).GetStatusAsync(new GetStatusRequest()));
        }
    }

    private static async Task AssertUnimplementedAsync(Func<Task> call) =>
        Assert.Equal(StatusCode.Unimplemented, (await Assert.ThrowsAsync<RpcException>(call)).StatusCode);
}

using ACCOffload.FaithfulTarget.Tests.Support;
using Grpc.Core;

namespace ACCOffload.FaithfulTarget.Tests;

/// <summary>TCP without TLS. SessionTests covers TLS.</summary>
public sealed class ListenTests
{
    [Fact]
    public async Task Plain_tcp_keeps_its_port_across_restarts()
    {
        await using var fixture = await TargetFixture.StartAsync(change: o => o with { SocketPath = "" });
        var address = fixture.Target.Address;
        Assert.StartsWith("http://localhost:", address, StringComparison.Ordinal);
        Assert.Equal(StatusCode.OK, await fixture.Client.BidAsync());
        await fixture.Target.RestartAsync();
        Assert.Equal(address, fixture.Target.Address);
        fixture.Reconnect();
        Assert.Equal(StatusCode.OK, await fixture.Client.BidAsync());
    }
}

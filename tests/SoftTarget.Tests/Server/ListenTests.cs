using ACCOffload.SoftTarget.Server;
using ACCOffload.SoftTarget.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;

namespace ACCOffload.SoftTarget.Tests.Server;

/// <summary>Addresses of the target.</summary>
public sealed class ListenTests
{
    [Fact]
    public async Task Only_the_owner_can_access_the_socket()
    {
        await using var target = await TestTarget.StartAsync();
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(target.Socket));
    }

    [Fact]
    public async Task A_socket_in_use_is_not_taken_over()
    {
        await using var target = await TestTarget.StartAsync();
        var e = await Assert.ThrowsAsync<IOException>(() => StartAsync("unix:" + target.Socket));
        Assert.Contains("another process", e.Message, StringComparison.Ordinal);
        await target.Client.BecomePrimaryAsync();
    }

    [Fact]
    public async Task A_stale_socket_is_replaced()
    {
        var path = Path.Combine(Path.GetTempPath(), $"st-{Guid.NewGuid():N}.sock");
        using (var dead = new System.Net.Sockets.Socket(
            System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Unspecified))
        {
            dead.Bind(new System.Net.Sockets.UnixDomainSocketEndPoint(path));

            // The file remains, as after a process is killed.
            File.Move(path, path + ".kept");
        }

        File.Move(path + ".kept", path);
        await using (var host = await StartAsync("unix:" + path))
        {
            Assert.Single(host.Addresses);
        }

        Assert.False(File.Exists(path));
    }

    [Fact]
    public async Task A_file_that_is_not_a_socket_is_kept()
    {
        var path = Path.GetTempFileName();
        await File.WriteAllTextAsync(path, "precious");
        await Assert.ThrowsAsync<IOException>(() => StartAsync("unix:" + path));
        Assert.Equal("precious", await File.ReadAllTextAsync(path));
        File.Delete(path);
    }

    [Theory]
    [InlineData("unix:relative.sock")]
    [InlineData("9559")]
    [InlineData("0.0.0.0:0")]
    [InlineData("somewhere:9559")]
    public async Task Invalid_addresses_are_rejected_by_name(string address)
    {
        var e = await Assert.ThrowsAsync<ArgumentException>(() => StartAsync(address));
        Assert.Contains(address, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Loopback_is_served_without_certificates()
    {
        await using var host = await StartAsync("127.0.0.1:0");
        using var channel = Grpc.Net.Client.GrpcChannel.ForAddress(Assert.Single(host.Addresses));
        var client = new P4.V1.P4Runtime.P4RuntimeClient(channel);
        Assert.Equal("1.5.0", (await client.CapabilitiesAsync(new P4.V1.CapabilitiesRequest())).P4RuntimeApiVersion);
    }

    private static Task<SoftTargetHost> StartAsync(string address)
        => SoftTargetHost.StartAsync(new SoftTargetOptions { Listen = [address], ServePorts = false }, NullLoggerFactory.Instance);
}

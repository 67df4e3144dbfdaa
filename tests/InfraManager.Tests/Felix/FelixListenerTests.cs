using System.Net.Sockets;
using ACCOffload.InfraManager.Felix;
using ACCOffload.InfraManager.State.Policy.Felix.Wire;
using ACCOffload.TestKit.Logging;

namespace ACCOffload.InfraManager.Tests.Felix;

/// <summary>The socket for Felix's driver.</summary>
public sealed class FelixListenerTests : IDisposable
{
    private readonly Folder _folder = new();
    private readonly LogCollector _log = new();
    private readonly FelixWorld _world = new();
    private readonly CancellationTokenSource _cancel = new(TimeSpan.FromSeconds(60));

    private string SocketPath => _folder.At("felix.sock");

    public void Dispose()
    {
        _cancel.Dispose();
        _log.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Only_the_owner_may_connect_and_a_new_Felix_replaces_the_old_one()
    {
        var listener = Create();
        var running = listener.RunAsync(_cancel.Token);
        await Eventually.TrueAsync(() => File.Exists(SocketPath), "the socket");
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(SocketPath));
        Assert.Equal("no Felix", $"{listener.Status}");

        using var first = await ConnectAsync();
        await Eventually.TrueAsync(() => $"{listener.Status}" == "not in sync", "connected");
        await first.SendAsync(FelixFrames.Encode(new FelixWriter(FelixDialect.Kinds).InSync()));
        await Eventually.TrueAsync(() => $"{listener.Status}" == "in sync", "in sync");

        using (var second = await ConnectAsync())
        {
            await EndOfAsync(first);
            await Eventually.TrueAsync(() => $"{listener.Status}" == "not in sync", "the second");
        }

        await Eventually.TrueAsync(() => $"{listener.Status}" == "no Felix", "gone");
        using var third = await ConnectAsync();
        await third.SendAsync(new byte[] { 1, 0, 0, 0, 0, 0, 0, 0, 0xff });
        await EndOfAsync(third);
        Assert.Contains(_log.Lines, l => l.Contains("is not a protobuf message of ToDataplane", StringComparison.Ordinal));

        await _cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        Assert.False(File.Exists(SocketPath));
    }

    [Fact]
    public async Task A_socket_that_another_process_serves_is_one_line()
    {
        using var other = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        other.Bind(new UnixDomainSocketEndPoint(SocketPath));
        other.Listen();

        var error = await Assert.ThrowsAsync<IOException>(() => Create().RunAsync(_cancel.Token));

        Assert.Equal(
            $"the socket {SocketPath} for Felix cannot be made: it is served by another inframanager; stop that one; name one in a directory "
                + "that inframanager may write to",
            error.Message);
    }

    private FelixListener Create() => new(
        SocketPath, s => new FelixSession(s, _world.SubmitAsync, TimeProvider.System, _log.CreateLogger("Felix")),
        TimeProvider.System, _log.CreateLogger("Felix"));

    private async Task<Socket> ConnectAsync()
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(SocketPath), _cancel.Token);
        return socket;
    }

    private async Task EndOfAsync(Socket socket)
    {
        var buffer = new byte[4096];
        try
        {
            while (await socket.ReceiveAsync(buffer, _cancel.Token) > 0)
            {
            }
        }
        catch (SocketException)
        {
            // It was reset, because what we sent was not read.
        }
    }
}

using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ACCOffload.Services.Tests.Support;

/// <summary>An established connection that constantly exchanges lines and records why it broke.</summary>
internal sealed class HeldConnection : IAsyncDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(40);

    private readonly CancellationTokenSource _stop = new();
    private readonly Socket _socket;
    private readonly StreamReader _reader;
    private readonly string _to;
    private Task _running = Task.CompletedTask;
    private volatile string? _problem;
    private int _exchanges;

    private HeldConnection(Socket socket, string to)
    {
        (_socket, _to) = (socket, to);
        _reader = new StreamReader(new NetworkStream(socket));
    }

    public string Server { get; private set; } = "";

    public IPEndPoint Own => (IPEndPoint)_socket.LocalEndPoint!;

    /// <summary>Why the connection ended, such as <see cref="Answer.Reset"/>; null while it works.</summary>
    public string? Problem => _problem;

    public static async Task<HeldConnection> StartAsync(Socket socket, string to, CancellationToken cancellationToken)
    {
        var held = new HeldConnection(socket, to);
        held.Server = (await held._reader.ReadLineAsync(cancellationToken)
            ?? throw new IOException("closed without an answer")).Split(' ')[0];
        held._running = Task.Run(held.ExchangeLinesAsync, CancellationToken.None);
        return held;
    }

    /// <summary>Waits until a complete exchange that began after the call succeeds.</summary>
    public async Task StillWorksAsync()
    {
        var before = Volatile.Read(ref _exchanges);
        await Eventually.TrueAsync(
            () => _problem is { } p
                ? throw new InvalidOperationException($"the connection from {Own} to {_to} ({Server}) broke: {p}")
                : Task.FromResult(Volatile.Read(ref _exchanges) > before + 1),
            () => $"an answer on the connection from {Own} to {_to} ({Server})", 120);
    }

    /// <summary>Waits until the connection breaks.</summary>
    public Task BreaksAsync() =>
        Eventually.TrueAsync(() => Task.FromResult(_problem is not null), () => $"the connection from {Own} to {_to} ({Server}) breaks");

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _socket.Dispose();
        _stop.Dispose();
    }

    private async Task ExchangeLinesAsync()
    {
        try
        {
            for (var i = 0; ; i++)
            {
                await _socket.SendAsync(Encoding.ASCII.GetBytes($"{i}\n"), _stop.Token);
                var line = await _reader.ReadLineAsync(_stop.Token);
                if (line != $"{Server} {i}")
                {
                    _problem = line is null ? "closed" : $"received \"{line}\" instead of \"{Server} {i}\"";
                    return;
                }

                Interlocked.Increment(ref _exchanges);
                await Task.Delay(Pause, _stop.Token);
            }
        }
        catch (OperationCanceledException)
        {
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            _problem = Client.Failure(e) ?? e.Message;
        }
    }
}

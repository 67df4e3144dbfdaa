using System.Net.Sockets;
using ACCOffload.InfraManager.State.Policy.Felix;
using ACCOffload.InfraManager.State.Policy.Felix.Wire;
using ACCOffload.NativeInterop.Sockets;

namespace ACCOffload.InfraManager.Felix;

/// <summary>
/// The unix socket that <c>inframanager felix-driver</c> connects to, with mode 0600. One connection is served at a time: a new one means
/// that Felix has started again, so the old one is ended.
/// </summary>
/// <param name="path">The socket's path.</param>
/// <param name="start">Makes the session of a connection. The former one has ended.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">The log.</param>
internal sealed partial class FelixListener(string path, Func<Stream, FelixSession> start, TimeProvider time, ILogger logger)
{
    /// <summary>Where the driver connects to unless it is told otherwise.</summary>
    public const string DefaultPath = "/run/accoffload/felix.sock";

    private const int Backlog = 4;

    // A session only waits for its rows to be written.
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private volatile FelixSession? _session;
    private Socket? _listener;

    /// <summary>The state of the connection. From any thread.</summary>
    public FelixStatus Status => _session?.Status ?? FelixStatus.None($"no Felix is connected to {path}");

    /// <summary>Makes the socket before it is served: a driver that connects waits.</summary>
    /// <exception cref="IOException">The socket cannot be made; the message says what to do.</exception>
    public void Open() => _listener ??= Bind();

    /// <summary>Serves the socket, which it makes if it is not open, until it is cancelled.</summary>
    /// <exception cref="IOException">The socket cannot be made; the message says what to do.</exception>
    public async Task RunAsync(CancellationToken cancel)
    {
        Open();
        using var listener = _listener!;
        _listener = null;
        using var all = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        CancellationTokenSource? current = null;
        var serving = Task.CompletedTask;
        try
        {
            while (true)
            {
                Socket connection;
                try
                {
                    connection = await listener.AcceptAsync(all.Token);
                }
                catch (SocketException e)
                {
                    // For instance no file descriptor is left.
                    LogNotAccepted(path, e.Message);
                    await Task.Delay(Pause, time, all.Token);
                    continue;
                }

                if (current is not null)
                {
                    await current.CancelAsync();
                }

                if (!await EndsAsync(serving))
                {
                    LogStuck(path, EndLimit.TotalSeconds);
                    connection.Dispose();
                    continue;
                }

                current?.Dispose();
                current = CancellationTokenSource.CreateLinkedTokenSource(all.Token);
                serving = ServeAsync(connection, current.Token);
            }
        }
        finally
        {
            await all.CancelAsync();
            _ = await EndsAsync(serving);
            current?.Dispose();
            File.Delete(path);
        }
    }

    private Socket Bind()
    {
        try
        {
            if (!UnixListener.RemoveStale(path))
            {
                throw new IOException("it is served by another inframanager; stop that one");
            }

            var listener = UnixListener.Bind(path);
            listener.Listen(Backlog);
            return listener;
        }
        catch (Exception e) when (e is SocketException or IOException or UnauthorizedAccessException)
        {
            throw new IOException(
                $"the socket {path} for Felix cannot be made: {e.Message}; name one in a directory that inframanager may write to", e);
        }
    }

    // It has been cancelled.
    private async Task<bool> EndsAsync(Task serving)
    {
        try
        {
            await serving.WaitAsync(EndLimit, time);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    private async Task ServeAsync(Socket connection, CancellationToken cancel)
    {
        using var stream = new NetworkStream(connection, ownsSocket: true);
        using var session = start(stream);
        _session = session;
        LogConnected(path);
        try
        {
            await session.RunAsync(cancel);
            LogEnded(path, "Felix closed it");
        }
        catch (OperationCanceledException)
        {
            LogEnded(path, "another Felix has connected, or the service stops");
        }
        catch (Exception e) when (e is FelixStreamException or IOException)
        {
            LogEnded(path, FelixText.Shown(e.Message));
        }
        catch (Exception e)
        {
            LogFailed(path, e);
        }
        finally
        {
            _session = null;
        }
    }

    [LoggerMessage(EventId = 6111, Level = LogLevel.Information, Message = "Felix has connected to {Path}")]
    private partial void LogConnected(string path);

    [LoggerMessage(EventId = 6112, Level = LogLevel.Warning,
        Message = "The connection of Felix to {Path} has ended: {Reason}; its last policy stays in force")]
    private partial void LogEnded(string path, string reason);

    [LoggerMessage(EventId = 6113, Level = LogLevel.Error,
        Message = "The connection of Felix to {Path} has failed; its last policy stays in force")]
    private partial void LogFailed(string path, Exception exception);

    [LoggerMessage(EventId = 6114, Level = LogLevel.Error,
        Message = "A new Felix at {Path} is refused: the session before it has not ended within {Seconds} s")]
    private partial void LogStuck(string path, double seconds);

    [LoggerMessage(EventId = 6115, Level = LogLevel.Warning, Message = "Cannot accept a connection at {Path}: {Reason}; trying again")]
    private partial void LogNotAccepted(string path, string reason);
}

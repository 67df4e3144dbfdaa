using System.IO.Pipelines;
using System.Net.Sockets;
using System.Text;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Logging;
using ACCOffload.HostStub.Wire;
using ACCOffload.NativeInterop.Sockets;
using ACCOffload.NativeInterop.Syscalls;
using Microsoft.Extensions.Logging;

namespace ACCOffload.HostStub.Agent;

/// <summary>The agent's unix socket: for root only, one request per connection, a limited number of connections.</summary>
internal sealed partial class RequestServer : IAsyncDisposable
{
    // The dispatcher has lower limits per network.
    private const int MaxConnections = 1024;
    private const int Backlog = 512;
    private static readonly TimeSpan ReceiveLimit = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan SendLimit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan DrainLimit = TimeSpan.FromSeconds(15);

    private const int MaxText = 200;

    private readonly string _path;
    private readonly LineBudget _lines = new(TimeProvider.System);
    private readonly Func<AgentRequest, Task<AgentResponse>> _handle;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stop = new();
    private readonly Socket _listener;
    private Task _accepting = Task.CompletedTask;
    private int _running;

    private RequestServer(string path, Socket listener, Func<AgentRequest, Task<AgentResponse>> handle, ILoggerFactory loggers)
    {
        _path = path;
        _listener = listener;
        _handle = handle;
        _logger = loggers.CreateLogger(LogFeature.Cni);
    }

    public int Running => Volatile.Read(ref _running);

    /// <exception cref="ConfigurationException">The socket can't be created; the message names it.</exception>
    public static RequestServer Start(string path, Func<AgentRequest, Task<AgentResponse>> handle, ILoggerFactory loggers)
    {
        Socket listener;
        try
        {
            listener = UnixListener.Replace(path, Backlog);
        }
        catch (Exception e) when (e is SocketException or IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationException(new ConfigurationError(
                "configuration", "Agent:Socket", path, e.Message, "stop the process that uses it, or configure another path"));
        }
        var server = new RequestServer(path, listener, handle, loggers);
        server._accepting = Task.Run(server.AcceptAsync);
        return server;
    }

    /// <summary>Stops accepting connections, and waits for running requests for a limited time.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _accepting;
        _listener.Dispose();
        File.Delete(_path);
        var until = DateTime.UtcNow + DrainLimit;
        while (Running > 0 && DateTime.UtcNow < until)
        {
            await Task.Delay(10);
        }

        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                var socket = await _listener.AcceptAsync(_stop.Token);
                _ = Task.Run(() => ServeAsync(socket));
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (SocketException e)
            {
                // Out of descriptors, or the peer gave up: try again a moment later.
                LogAcceptFailed(e.Message);
                await Task.Delay(100);
            }
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        var running = Interlocked.Increment(ref _running);
        try
        {
            using var owned = socket;
            var stream = new NetworkStream(socket, ownsSocket: false);
            await using var closing = stream;
            var response = await AnswerAsync(socket, stream, running > MaxConnections);
            if (response is { } answer)
            {
                using var limit = new CancellationTokenSource(SendLimit);
                await stream.WriteAsync(answer.Encode(), limit.Token);
            }
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException)
        {
            // The runtime killed the plugin, or the plugin did not send or receive in time. Don't undo the work: the runtime will send DEL.
            LogPeerClosed(e.Message);
        }
        catch (Exception e)
        {
            LogFailed(e);
        }
        finally
        {
            Interlocked.Decrement(ref _running);
        }
    }

    private async Task<AgentResponse?> AnswerAsync(Socket socket, NetworkStream stream, bool busy)
    {
        var peer = UnixPeer.GetCredentials(socket);
        if (peer.Uid != 0)
        {
            if (_lines.Decide($"uid {peer.Uid}", "not root", "").Fate == LineFate.Written)
            {
                LogNotRoot(peer.Uid, peer.Pid);
            }

            return Failure(CniErrorCode.Internal, "only root may use the agent's socket");
        }
        var reader = PipeReader.Create(stream, new StreamPipeReaderOptions(leaveOpen: true));
        try
        {
            using var limit = new CancellationTokenSource(ReceiveLimit);
            var body = await FrameReader.ReadAsync(reader, AgentRequest.MaxBody, limit.Token);
            if (body is null)
            {
                return null;
            }

            if (busy)
            {
                return Failure(
                    CniErrorCode.TryAgainLater, $"the agent already has {MaxConnections} requests in progress, try again later") with
                {
                    ExitCode = AgentResponse.NotStarted,
                };
            }

            return await _handle(AgentRequest.Decode(body));
        }
        catch (FrameException e)
        {
            if (_lines.Decide("", nameof(FrameException), e.Message).Fate == LineFate.Written)
            {
                LogBadFrame(peer.Pid, ConfigurationError.OneLine(e.Message, MaxText));
            }

            return Failure(CniErrorCode.IoFailure, "the request to the agent is malformed", e.Message);
        }
        finally
        {
            await reader.CompleteAsync();
        }
    }

    private static AgentResponse Failure(CniErrorCode code, string message, string details = "") =>
        new(1, CniErrorJson.Error("", (int)code, message, details), Encoding.UTF8.GetBytes(""));

    [LoggerMessage(LogLevel.Warning, "Accepting a connection failed: {Reason}")]
    private partial void LogAcceptFailed(string reason);

    [LoggerMessage(LogLevel.Debug, "A plugin's connection ended before the response: {Reason}")]
    private partial void LogPeerClosed(string reason);

    [LoggerMessage(LogLevel.Warning, "Refused a request from uid {Uid} (pid {Pid}): only root may use the agent's socket")]
    private partial void LogNotRoot(uint uid, int pid);

    [LoggerMessage(LogLevel.Warning, "Malformed request from pid {Pid}: {Reason}")]
    private partial void LogBadFrame(int pid, string reason);

    [LoggerMessage(LogLevel.Error, "Serving a connection failed")]
    private partial void LogFailed(Exception e);
}

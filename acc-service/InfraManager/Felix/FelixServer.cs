using ACCOffload.InfraManager.Programming;

namespace ACCOffload.InfraManager.Felix;

/// <summary>Serves Felix while the service runs: what it sends is submitted to the programmer.</summary>
internal sealed partial class FelixServer : IAsyncDisposable
{
    // For a failure that cannot be foreseen: Felix has to find the socket again.
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);

    private readonly string _path;
    private readonly FelixListener _listener;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stop = new();
    private Task _running = Task.CompletedTask;

    /// <param name="path">The socket's path.</param>
    /// <param name="programmer">Enforces the policy.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">The log.</param>
    public FelixServer(string path, IProgrammer programmer, TimeProvider time, ILogger logger)
    {
        (_path, _time, _logger) = (path, time, logger);
        _listener = new FelixListener(path, stream => new FelixSession(stream, programmer.SubmitAsync, time, logger), time, logger);
    }

    /// <summary>The state of the connection. From any thread.</summary>
    public FelixStatus Status => _listener.Status;

    /// <summary>Makes the socket and serves it.</summary>
    /// <exception cref="IOException">The socket cannot be made; the message says what to do.</exception>
    public void Start()
    {
        _listener.Open();
        _running = Task.Run(RunAsync);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        while (true)
        {
            try
            {
                await _listener.RunAsync(_stop.Token);
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                LogFailed(_path, e);
            }

            try
            {
                await Task.Delay(Pause, _time, _stop.Token);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    [LoggerMessage(EventId = 6121, Level = LogLevel.Error, Message = "Serving Felix at {Path} has failed; trying again")]
    private partial void LogFailed(string path, Exception exception);
}

using System.Net.Sockets;

namespace ACCOffload.InfraManager.Felix;

/// <summary>
/// Between a Felix and the service: copies what Felix writes to the service's socket, and back. It understands none of it and holds at most
/// 64 KiB in each direction; a side that does not read holds up the other one.
/// </summary>
/// <param name="fromFelix">Felix's messages. Reads may block: each direction has a thread of its own.</param>
/// <param name="toFelix">The answers.</param>
/// <param name="path">The service's socket.</param>
/// <param name="error">One line if it fails.</param>
internal sealed class FelixDriver(Stream fromFelix, Stream toFelix, string path, TextWriter error)
{
    private const int BufferSize = 64 * 1024;

    // The service may be starting again. Felix starts its driver again only by starting itself.
    private static readonly TimeSpan ConnectLimit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan ConnectPause = TimeSpan.FromMilliseconds(200);

    // Felix has gone: the service takes what is on its way.
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(2);

    private enum End
    {
        FelixClosed,
        ServiceClosed,
        FelixFailed,
        ServiceFailed,
    }

    /// <summary>Copies until a side closes.</summary>
    /// <param name="connectLimit">How long to wait for the service; null for 10 s.</param>
    /// <param name="cancel">Felix ends its driver by a signal.</param>
    /// <returns>The exit code: 0 if Felix closed its side or it was cancelled, otherwise 1.</returns>
    public async Task<int> RunAsync(TimeSpan? connectLimit, CancellationToken cancel)
    {
        try
        {
            var (socket, problem) = await ConnectAsync(connectLimit ?? ConnectLimit, cancel);
            if (socket is null)
            {
                return await FailAsync(
                    $"inframanager does not serve {path} ({problem}); start it (systemctl start inframanager) or name its socket with "
                        + "--socket");
            }

            using var service = new NetworkStream(socket, ownsSocket: true);
            var forward = CopyAsync(fromFelix, service, End.FelixClosed, End.FelixFailed, End.ServiceFailed);
            var back = CopyAsync(service, toFelix, End.ServiceClosed, End.ServiceFailed, End.FelixFailed);
            var (end, reason) = await await Task.WhenAny(forward, back).WaitAsync(cancel);
            if (end == End.FelixClosed)
            {
                await DrainAsync(socket, back, cancel);
                return 0;
            }

            return await FailAsync(end switch
            {
                End.ServiceClosed => $"inframanager closed {path}; its log says why. Felix ends with its driver, and starts again",
                End.ServiceFailed => $"the connection to {path} failed ({reason}); Felix ends with its driver, and starts again",
                _ => $"the pipe of Felix failed ({reason}); Felix starts its driver again when it starts",
            });
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            return 0;
        }
    }

    private static async Task DrainAsync(Socket socket, Task back, CancellationToken cancel)
    {
        try
        {
            socket.Shutdown(SocketShutdown.Send);
            await back.WaitAsync(EndLimit, cancel);
        }
        catch (Exception e) when (e is SocketException or TimeoutException)
        {
            // The service has gone, too, or has nothing more to say.
        }
    }

    private async Task<(Socket? Socket, string Problem)> ConnectAsync(TimeSpan limit, CancellationToken cancel)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancel);
                return (socket, "");
            }
            catch (ArgumentException e)
            {
                socket.Dispose();
                return (null, ConfigurationError.OneLine(e.Message));
            }
            catch (SocketException e)
            {
                socket.Dispose();
                if (TimeProvider.System.GetElapsedTime(started) >= limit)
                {
                    return (null, ConfigurationError.OneLine(e.Message));
                }
            }
            catch
            {
                socket.Dispose();
                throw;
            }

            await Task.Delay(ConnectPause, cancel);
        }
    }

    /// <summary>
    /// Copies on a thread of its own, which does not keep the process alive: a read of a pipe cannot be cancelled.
    /// </summary>
    private static Task<(End End, string Reason)> CopyAsync(Stream from, Stream to, End closed, End readFailed, End writeFailed)
    {
        var result = new TaskCompletionSource<(End End, string Reason)>(TaskCreationOptions.RunContinuationsAsynchronously);
        new Thread(() => result.SetResult(Copy())) { IsBackground = true, Name = $"{closed}" }.Start();
        return result.Task;

        (End End, string Reason) Copy()
        {
            var buffer = new byte[BufferSize];
            while (true)
            {
                int length;
                try
                {
                    length = from.Read(buffer);
                }
                catch (Exception e) when (e is IOException or ObjectDisposedException)
                {
                    return (readFailed, ConfigurationError.OneLine(e.Message));
                }

                if (length == 0)
                {
                    return (closed, "");
                }

                try
                {
                    to.Write(buffer.AsSpan(0, length));
                }
                catch (Exception e) when (e is IOException or ObjectDisposedException)
                {
                    return (writeFailed, ConfigurationError.OneLine(e.Message));
                }
            }
        }
    }

    private async Task<int> FailAsync(string reason)
    {
        await error.WriteLineAsync($"inframanager felix-driver: {reason}");
        return 1;
    }
}

using ACCOffload.NativeInterop.Packets;
using ACCOffload.NativeInterop.Syscalls;
using ACCOffload.SoftTarget.Engine;
using Microsoft.Extensions.Logging;

namespace ACCOffload.SoftTarget.Ports;

internal sealed partial class DataPlane
{
    private void Serve(BoundLink link)
    {
        int count;
        try
        {
            count = link.Link.Receive(_batch);
            // An event without a packet can mean that the link went down or was deleted.
            if (count == 0 && link.Link.RefreshState() == PortLinkState.Gone)
            {
                Lose(link);
            }
        }
        catch (LinuxException e)
        {
            Fail(link, e);
            LoseFailed();
            return;
        }

        if (count == 0)
        {
            return;
        }

        var bytes = 0L;
        for (var i = 0; i < count; i++)
        {
            bytes += _batch.Length(i);
        }

        link.Port.CountReceived(count, bytes);
        var before = _worker?.Counters.Truncated ?? 0;
        Process(count, link.Port.Id);
        if (_worker is { } worker && worker.Counters.Truncated > before)
        {
            link.Port.CountMalformed(worker.Counters.Truncated - before);
        }
    }

    private void Lose(BoundLink link)
    {
        Unbind(link.Port.Id);
        LinkLost?.Invoke(link.Port);
    }

    // The link stays until LoseFailed: the current burst may still refer to it.
    private void Fail(BoundLink link, LinuxException e)
    {
        if (!_failed.Contains(link))
        {
            LogPortBroken(_logger, link.Port.Name, e.Message);
            _failed.Add(link);
        }
    }

    private void LoseFailed()
    {
        foreach (var link in _failed)
        {
            Lose(link);
        }

        _failed.Clear();
    }

    private void Process(int count, uint inputPort)
    {
        if (_worker is not { } worker)
        {
            return;
        }

        try
        {
            // A burst sees one version of the tables; a commit waits for its end, so this must not block.
            worker.Enter();
            try
            {
                for (var i = 0; i < count; i++)
                {
                    var offset = _batch.Offset(i);
                    var length = _batch.Length(i);
                    if (worker.Process(_batch.Buffer(i), ref offset, ref length, inputPort, out var outputPort) == SwxVerdict.Transmit)
                    {
                        _batch.SetFrame(i, offset, length);
                        Queue(i, outputPort);
                    }
                }
            }
            finally
            {
                worker.Exit();
            }
        }
        catch (Exception e)
        {
            // An engine error must not stop the data plane: the rest of the burst is lost, and the next one gets a new worker.
            LogBurstFailed(_logger, inputPort, e);
            worker.Dispose();
            _worker = NewWorker(_pipeline!);
        }

        foreach (var link in _touched)
        {
            try
            {
                link.Flush();
            }
            catch (LinuxException e)
            {
                Fail(link, e);
            }
        }

        _touched.Clear();
        LoseFailed();
    }

    private void Queue(int index, uint port)
    {
        if (port == _cpuPort)
        {
            _sink.ToController(_batch.Frame(index));
        }
        else if (_links.TryGetValue(port, out var link))
        {
            if (!link.HasPackets)
            {
                _touched.Add(link);
            }

            link.Add(_batch, index);
        }
        else
        {
            // The pipeline chose a port that does not exist or has no link.
            CountUnroutable();
        }
    }

    /// <summary>Sends a mirrored copy at once: the worker owns its memory.</summary>
    void ISwxCloneSink.Clone(ReadOnlySpan<byte> frame, uint port)
    {
        if (port == _cpuPort)
        {
            _sink.ToController(frame);
        }
        else if (_links.TryGetValue(port, out var link))
        {
            try
            {
                link.Send(frame);
            }
            catch (LinuxException e)
            {
                Fail(link, e);
            }
        }
        else
        {
            CountUnroutable();
        }
    }

    private void Inject(byte[] frame)
    {
        _batch.SetFrame(0, _batch.Headroom, frame.Length);
        frame.CopyTo(_batch.Frame(0));
        Process(1, _cpuPort);
    }

    private void CountUnroutable() => Volatile.Write(ref _unroutable, _unroutable + 1);

    [LoggerMessage(20, LogLevel.Warning, "Port {Port} failed, waiting for its link: {Reason}")]
    private static partial void LogPortBroken(ILogger logger, string port, string reason);

    [LoggerMessage(21, LogLevel.Error, "Lost the rest of a burst from port {Port} because of an engine error")]
    private static partial void LogBurstFailed(ILogger logger, uint port, Exception exception);
}

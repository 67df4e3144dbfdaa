using System.Collections.Concurrent;
using ACCOffload.NativeInterop.Packets;
using ACCOffload.NativeInterop.Syscalls;
using ACCOffload.SoftTarget.Engine;
using Microsoft.Extensions.Logging;

namespace ACCOffload.SoftTarget.Ports;

/// <summary>
/// The forwarding thread: waits for the ports' sockets, runs each burst through the pipeline and sends the results. It shares only a
/// command queue with the control side, and allocates nothing per packet.
/// </summary>
internal sealed partial class DataPlane : ISwxCloneSink, IDisposable
{
    private const int Burst = 64;
    private const ulong WakeToken = 0;

    /// <summary>Maximum number of queued packet-outs.</summary>
    private const int MaxInjected = 1024;

    private readonly ILogger _logger;
    private readonly uint _cpuPort;
    private readonly IPacketSink _sink;
    private readonly ConcurrentQueue<Action> _commands = [];
    private readonly Epoll _epoll = new();
    private readonly EventFd _wake = new();
    private readonly PacketBatch _batch = new(Burst);
    private readonly Dictionary<uint, BoundLink> _links = [];
    private readonly LinkCloser _closer = new();
    private readonly List<BoundLink> _touched = new(Burst);
    private readonly List<BoundLink> _failed = [];
    private readonly Thread _thread;
    private SwxPipeline? _pipeline;
    private SwxWorker? _worker;
    private int _injected;
    private long _unroutable;
    private volatile bool _stopping;

    public DataPlane(uint cpuPort, IPacketSink sink, ILogger logger)
    {
        _cpuPort = cpuPort;
        _sink = sink;
        _logger = logger;
        _epoll.Add(_wake.Handle, EpollEvents.Read, WakeToken);
        _thread = new Thread(Run) { IsBackground = true, Name = "softtarget-data" };
        _thread.UnsafeStart();
    }

    /// <summary>Called on the data-plane thread when a port's link is gone and the port is no longer served.</summary>
    public Action<SoftPort>? LinkLost { get; set; }

    /// <summary>Starts running packets through a pipeline.</summary>
    public void Use(SwxPipeline pipeline) => Post(() =>
    {
        _worker?.Dispose();
        _pipeline = pipeline;
        _worker = NewWorker(pipeline);
    });

    /// <summary>Serves a port with a link, and takes ownership of the link.</summary>
    public void Bind(SoftPort port, PacketPort link) => Post(() =>
    {
        Unbind(port.Id);
        var bound = new BoundLink(port, link, Burst);
        _links.Add(port.Id, bound);
        port.IsBound = true;
        try
        {
            _epoll.Add(link.Handle, EpollEvents.Read, Token(port.Id));
        }
        catch (LinuxException e)
        {
            Fail(bound, e);
            LoseFailed();
        }
    });

    /// <summary>Stops serving a port, and closes its link.</summary>
    public void Unbind(SoftPort port) => Post(() => Unbind(port.Id));

    /// <summary>Completes a task when all earlier commands have been executed.</summary>
    public void OnSettled(TaskCompletionSource settled) => Post(() => settled.TrySetResult());

    /// <summary>Runs a controller's packet through the pipeline, as if it came from the CPU port. False if the queue is full.</summary>
    public bool TryInject(byte[] frame)
    {
        if (Interlocked.Increment(ref _injected) > MaxInjected)
        {
            Interlocked.Decrement(ref _injected);
            return false;
        }

        Post(() =>
        {
            Interlocked.Decrement(ref _injected);
            Inject(frame);
        });
        return true;
    }

    /// <summary>Maximum size of an injected packet.</summary>
    public int MaxFrame => _batch.FrameSize;

    /// <summary>Packets dropped because the output port does not exist or has no link.</summary>
    public long Unroutable => Volatile.Read(ref _unroutable);

    /// <summary>Stops the thread and closes all links.</summary>
    public void Dispose()
    {
        if (_stopping)
        {
            return;
        }

        _stopping = true;
        _wake.Signal();
        _thread.Join();
        foreach (var link in _links.Values)
        {
            _closer.Close(link);
        }

        _links.Clear();
        _closer.Dispose();
        _worker?.Dispose();
        _batch.Dispose();
        _epoll.Dispose();
        _wake.Dispose();
    }

    private void Post(Action command)
    {
        if (_stopping)
        {
            return;
        }

        _commands.Enqueue(command);
        _wake.Signal();
    }

    private void Run()
    {
        var events = new EpollEvent[Burst];
        while (!_stopping)
        {
            var count = _epoll.Wait(events, -1);
            for (var i = 0; i < count; i++)
            {
                if (events[i].Token == WakeToken)
                {
                    _wake.Drain();
                    while (_commands.TryDequeue(out var command))
                    {
                        command();
                    }
                }
                else if (_links.TryGetValue(PortOf(events[i].Token), out var link))
                {
                    Serve(link);
                }
            }
        }
    }

    private SwxWorker NewWorker(SwxPipeline pipeline)
    {
        var worker = pipeline.CreateWorker();
        worker.CloneSink = this;
        return worker;
    }

    private void Unbind(uint port)
    {
        if (!_links.Remove(port, out var link))
        {
            return;
        }

        link.Port.IsBound = false;
        try
        {
            _epoll.Remove(link.Link.Handle);
        }
        catch (LinuxException)
        {
            // A link that failed may not be watched any more. Closing it removes it in any case.
        }

        _closer.Close(link);
    }

    private static ulong Token(uint port) => port + 1UL;

    private static uint PortOf(ulong token) => (uint)(token - 1);
}

/// <summary>Receives packets for the controller.</summary>
internal interface IPacketSink
{
    /// <summary>Called on the data-plane thread; the frame is only valid during the call.</summary>
    void ToController(ReadOnlySpan<byte> frame);
}

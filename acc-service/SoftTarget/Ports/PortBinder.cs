using System.Collections.Concurrent;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;
using Microsoft.Extensions.Logging;

namespace ACCOffload.SoftTarget.Ports;

/// <summary>
/// The thread that binds ports to links: when a link with a port's name appears in the port namespace, it becomes the port's link; when the
/// link disappears, the port waits for the next one. The namespace itself may also appear and disappear.
/// </summary>
internal sealed partial class PortBinder : IDisposable
{
    private const ulong WakeToken = 0;
    private const ulong MonitorToken = 1;

    // Links trigger events, but a namespace file does not: these are the polling intervals.
    private const int FindNamespaceMilliseconds = 200;
    private const int CheckNamespaceMilliseconds = 1000;

    private readonly ILogger _logger;
    private readonly string? _path;
    private readonly PortTable _table;
    private readonly DataPlane _dataPlane;
    private readonly ConcurrentQueue<Action> _commands = [];
    private readonly Epoll _epoll = new();
    private readonly EventFd _wake = new();

    // Not a valid link index: a TAP stays bound to its port even after it is moved to another namespace.
    private const int TapIndex = 0;

    /// <summary>Link index of each bound port.</summary>
    private readonly Dictionary<SoftPort, int> _bound = [];

    private readonly Thread _thread;
    private NetNamespace? _namespace;
    private LinkMonitor? _monitor;
    private string _lastProblem = "";
    private volatile PortFault _fault = PortFault.None;
    private volatile bool _stopping;

    /// <param name="path">File of the port namespace; null for the process's own namespace.</param>
    /// <param name="table">The ports.</param>
    /// <param name="dataPlane">Serves the ports.</param>
    /// <param name="logger">Category SoftTarget.</param>
    public PortBinder(string? path, PortTable table, DataPlane dataPlane, ILogger logger)
    {
        _path = path;
        _table = table;
        _dataPlane = dataPlane;
        _logger = logger;
        dataPlane.LinkLost = port => Post(() => OnLost(port));
        _epoll.Add(_wake.Handle, EpollEvents.Read, WakeToken);
        _thread = new Thread(Run) { IsBackground = true, Name = "softtarget-ports" };
        _thread.UnsafeStart();
    }

    /// <summary>Why no port's link can be opened.</summary>
    public PortFault Fault => _fault;

    /// <summary>Binds a new port as soon as its link exists.</summary>
    public void Added(SoftPort port) => Post(() => TryBind(port));

    /// <summary>Releases the link of a removed port.</summary>
    public void Removed(SoftPort port) => Post(() => Release(port));

    /// <summary>Completes when all earlier commands have been executed, including those of the data plane.</summary>
    public Task SettleAsync()
    {
        var settled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Post(() => _dataPlane.OnSettled(settled));
        return settled.Task;
    }

    /// <summary>Stops the thread and releases the links; TAPs stay with the data plane.</summary>
    public void Dispose()
    {
        if (_stopping)
        {
            return;
        }

        _stopping = true;
        _wake.Signal();
        _thread.Join();
        CloseNamespace();
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
        var events = new EpollEvent[4];
        while (!_stopping)
        {
            Guarded(CheckNamespace);
            var count = _epoll.Wait(events, _monitor is null ? FindNamespaceMilliseconds : CheckNamespaceMilliseconds);
            for (var i = 0; i < count; i++)
            {
                if (events[i].Token == MonitorToken)
                {
                    Guarded(ReadEvents);
                }
                else
                {
                    _wake.Drain();
                }
            }

            while (_commands.TryDequeue(out var command))
            {
                Guarded(command);
            }
        }
    }

    /// <summary>Runs an action; after an error everything is reopened and retried, so that one bad link does not stop all ports.</summary>
    private void Guarded(Action action)
    {
        try
        {
            action();
        }
        catch (LinuxException e)
        {
            Fail(e);
            CloseNamespace();
        }
    }

    /// <summary>Opens the port namespace when it exists, and reopens it when its path refers to a different one.</summary>
    private void CheckNamespace()
    {
        if (_monitor is not null)
        {
            if (_path is null || NamespaceExists())
            {
                RetryPorts();
                return;
            }

            LogNamespaceGone(_logger, _path);
            _fault = new PortFault($"port namespace {_path} is gone", IsAwaited: true);
            CloseNamespace();
        }

        if (_path is not null)
        {
            try
            {
                _namespace = NetNamespace.Open(_path);
            }
            catch (LinuxException e)
            {
                Fail(e);
                return;
            }
        }

        // Subscribe before listing, so that no link is missed.
        _monitor = LinkMonitor.Open(_namespace);
        _epoll.Add(_monitor.Handle, EpollEvents.Read, MonitorToken);
        _lastProblem = "";
        _fault = PortFault.None;
        LogNamespaceOpen(_logger, _path ?? "of the process");
        foreach (var port in _table.Ports.Values)
        {
            TryBind(port);
        }
    }

    private bool NamespaceExists()
    {
        try
        {
            using var now = NetNamespace.Open(_path!);
            return now.IsSameAs(_namespace!);
        }
        catch (LinuxException)
        {
            return false;
        }
    }

    private void CloseNamespace()
    {
        foreach (var port in _bound.Keys.Where(p => !p.IsTap).ToList())
        {
            Release(port);
        }

        if (_monitor is not null)
        {
            _epoll.Remove(_monitor.Handle);
            _monitor.Dispose();
            _monitor = null;
        }

        _namespace?.Dispose();
        _namespace = null;
    }

    private void Fail(LinuxException e)
    {
        _fault = new PortFault($"port namespace {_path ?? "of the process"}: {e.Message}", IsAwaited: e.Errno == Errno.ENOENT);
        Problem(e.Message);
    }

    /// <summary>Logs a recurring problem only once.</summary>
    private void Problem(string message)
    {
        if (message == _lastProblem)
        {
            return;
        }

        _lastProblem = message;
        LogProblem(_logger, message);
    }
}

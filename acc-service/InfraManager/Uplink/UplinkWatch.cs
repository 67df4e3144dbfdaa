using System.Net;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.InfraManager.Uplink;

/// <summary>
/// The ACC's own presence on the node network: keeps the exception interface as configured and its neighbours resolved, on a thread of its
/// own from <see cref="Start"/> to <see cref="Dispose"/>. A missing namespace or interface is a problem that is reported, and the last
/// known neighbours stay in use.
/// </summary>
internal sealed partial class UplinkWatch : IDisposable
{
    private const string NoAnswer = "no answer from ";
    private const ulong WakeToken = 0, ChangesToken = 1, NeighborsToken = 2;

    // A namespace that is deleted and made again sends no event.
    private static readonly TimeSpan ReconcileInterval = TimeSpan.FromSeconds(2);

    // A routing daemon may change many routes at once.
    private static readonly TimeSpan ChangeInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(1);

    private readonly ExceptionPort _exception;
    private readonly ExceptionLink _link;
    private readonly UplinkInterface _interface;
    private readonly NeighborResolver _resolver;
    private readonly IReadOnlyList<IPAddress> _gateways;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly bool _createNamespaces;
    private readonly Epoll _epoll = new();
    private readonly EventFd _wake = new();
    private readonly Thread _thread;
    private UplinkSession? _session;
    private UplinkInterfaceState _state;
    private string _linkProblem = "";
    private long _reconciled;
    private bool _mustReconcile;
    private volatile string _problem;
    private volatile int _resolvedCount;
    private volatile bool _stopping;

    /// <param name="node">The node with an uplink that has an exception port.</param>
    /// <param name="portNamespace">The namespace of the embedded target's ports; null for another target.</param>
    /// <param name="createNamespaces">Whether namespaces that are missing are made; only a process outside a sandbox can.</param>
    /// <param name="sink">Receives the neighbours.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Logger of the category Uplink.</param>
    public UplinkWatch(
        NodeSettings node, string? portNamespace, bool createNamespaces, INeighborSink sink, TimeProvider time, ILogger logger)
    {
        var uplink = node.Uplink ?? throw new ArgumentException("the node has no uplink", nameof(node));
        _exception = uplink.Exception ?? throw new ArgumentException("the uplink has no exception port", nameof(node));
        _link = new ExceptionLink(uplink, portNamespace);
        _interface = new UplinkInterface(uplink, node.UplinkMtu);
        _resolver = new NeighborResolver(uplink, sink, time, logger);
        _gateways = [.. uplink.Routes.Select(r => r.Gateway).OfType<IPAddress>().Distinct()];
        _resolver.SetWanted(_gateways);
        _createNamespaces = createNamespaces;
        _time = time;
        _logger = logger;
        _problem = $"{_exception.Interface} in {_exception.Namespace} is not open yet";
        _epoll.Add(_wake.Handle, EpollEvents.Read, WakeToken);
        _thread = new Thread(Run) { IsBackground = true, Name = "uplink" };
    }

    /// <summary>Why neighbours on the uplink are not resolved, in one line; otherwise empty.</summary>
    public string Problem => _problem;

    /// <summary>The number of neighbours whose MAC address is known.</summary>
    public int ResolvedCount => _resolvedCount;

    /// <summary>
    /// Sets the neighbours to keep resolved beside the configured gateways, such as other nodes on the same network. May be called at any
    /// time, on any thread.
    /// </summary>
    public void SetNextHops(IReadOnlyCollection<IPAddress> addresses)
    {
        _resolver.SetWanted([.. _gateways, .. addresses]);
        // At the end, the thread does not need to be woken any more.
        if (!_stopping)
        {
            _wake.Signal();
        }
    }

    public void Start() => _thread.UnsafeStart();

    public void Dispose()
    {
        if (_stopping)
        {
            return;
        }

        _stopping = true;
        _wake.Signal();
        if (_thread.ThreadState != ThreadState.Unstarted)
        {
            _thread.Join();
        }

        _session?.Dispose();
        _epoll.Dispose();
        _wake.Dispose();
    }

    private void Run()
    {
        var events = new EpollEvent[4];
        while (!_stopping)
        {
            var wait = RetryInterval;
            try
            {
                wait = Step();
            }
            catch (LinuxException e)
            {
                Close();
                SetProblem(e.Message);
            }

            var count = _epoll.Wait(events, (int)Math.Ceiling(Math.Max(wait.TotalMilliseconds, 1)));
            for (var i = 0; i < count; i++)
            {
                if (events[i].Token == WakeToken)
                {
                    _wake.Drain();
                }
            }
        }
    }

    private TimeSpan Step()
    {
        var session = _session ?? Open();
        _mustReconcile |= session.Changes.Drain();
        var since = _time.GetElapsedTime(_reconciled);
        if (since >= (_mustReconcile ? ChangeInterval : ReconcileInterval))
        {
            Reconcile(session);
            since = TimeSpan.Zero;
        }

        var next = _resolver.Step();
        _resolvedCount = _resolver.ResolvedCount;
        SetProblem(ProblemNow());
        var left = (_mustReconcile ? ChangeInterval : ReconcileInterval) - since;
        return next < left ? next : left;
    }

    private UplinkSession Open()
    {
        MakeLink();
        var session = UplinkSession.Open(_exception.Namespace);
        try
        {
            _epoll.Add(session.Changes.Handle, EpollEvents.Read, ChangesToken);
            _epoll.Add(session.Neighbors.Handle, EpollEvents.Read, NeighborsToken);
            _interface.Reset();
            _session = session;
            Reconcile(session);
            return session;
        }
        catch
        {
            session.Dispose();
            _session = null;
            throw;
        }
    }

    private void Reconcile(UplinkSession session)
    {
        if (!session.IsCurrent())
        {
            throw new LinuxException($"{_exception.Namespace} is another namespace now", Errno.ENODEV);
        }

        _mustReconcile = false;
        _reconciled = _time.GetTimestamp();
        _state = _interface.Reconcile(session);
        if (_state.Index == 0)
        {
            MakeLink();
            _state = _interface.Reconcile(session);
        }

        if (_state.IsUsable)
        {
            _resolver.Attach(session.Links, session.Neighbors, _state.Index);
        }
        else
        {
            _resolver.Detach();
        }
    }

    // Somebody else may have made an interface that serves as well.
    private void MakeLink()
    {
        try
        {
            _link.Ensure(_createNamespaces);
            _linkProblem = "";
        }
        catch (LinuxException e)
        {
            _linkProblem = e.Message;
        }
    }

    private string ProblemNow()
    {
        if (_state.Problem.Length > 0)
        {
            return _state.Index == 0 && _linkProblem.Length > 0 ? $"{_state.Problem}: {_linkProblem}" : _state.Problem;
        }

        if (_resolver.Problem.Length > 0)
        {
            return _resolver.Problem;
        }

        var silent = _gateways.Where(g => !_resolver.IsResolved(g)).ToList();
        return silent.Count == 0 ? "" : $"{NoAnswer}{(silent.Count == 1 ? "gateway" : "gateways")} {string.Join(", ", silent)}";
    }

    private void Close()
    {
        _resolver.Detach();
        _state = default;
        if (_session is not { } session)
        {
            return;
        }

        _session = null;
        _epoll.Remove(session.Changes.Handle);
        _epoll.Remove(session.Neighbors.Handle);
        session.Dispose();
    }

    private void SetProblem(string problem)
    {
        if (_problem == problem)
        {
            return;
        }

        _problem = problem;
        if (problem.Length > 0)
        {
            // A gateway that is asked for the first time answers in a moment.
            if (_resolver.HasReported || !problem.StartsWith(NoAnswer, StringComparison.Ordinal))
            {
                LogProblem(problem);
            }
        }
        else
        {
            LogResolving(_exception.Interface, _exception.Namespace);
        }
    }

    [LoggerMessage(EventId = 5001, Level = LogLevel.Information, Message = "Resolving neighbours on {Link} in {Namespace}")]
    private partial void LogResolving(string link, string @namespace);

    [LoggerMessage(EventId = 5002, Level = LogLevel.Warning,
        Message = "Neighbours on the uplink are not resolved: {Reason}; retrying, the last known ones stay in use")]
    private partial void LogProblem(string reason);
}

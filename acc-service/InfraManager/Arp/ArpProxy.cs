using System.Net.Sockets;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Packets;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.InfraManager.Arp;

/// <summary>
/// Answers ARP requests with the gateway's MAC address on one link of the ACC, for targets whose pipeline cannot. Runs its own thread until
/// <see cref="Dispose"/>. A link that is removed or renamed is closed, and reopened once a link of that name exists.
/// </summary>
internal sealed partial class ArpProxy : IDisposable
{
    private const ulong WakeToken = 0, PortToken = 1;
    private const int PollMilliseconds = 200;
    private static readonly PacketPortOptions Options =
        new() { EtherType = 0x0806, Promiscuous = false, ReceiveBufferBytes = 1 << 20, SendBufferBytes = 1 << 18 };

    private readonly string _name;
    private readonly NetNamespace? _namespace;
    private readonly MacAddress _gateway;
    private readonly ArpSenders _senders;
    private readonly ILogger _logger;
    private readonly long[] _counts = new long[Enum.GetValues<ArpVerdict>().Length];
    private readonly Epoll _epoll = new();
    private readonly EventFd _wake = new();
    private readonly PacketBatch _batch = new(32, 16, 2048);
    private readonly Thread _thread;
    private PacketPort? _port;
    private string _problem;
    private volatile bool _stopping;

    /// <param name="name">The link's name.</param>
    /// <param name="ns">The link's network namespace; null for the current one.</param>
    /// <param name="gateway">The MAC address in replies.</param>
    /// <param name="senders">The allowed senders.</param>
    /// <param name="logger">Logger of the category ArpProxy.</param>
    public ArpProxy(string name, NetNamespace? ns, MacAddress gateway, ArpSenders senders, ILogger logger)
    {
        _name = name;
        _namespace = ns;
        _gateway = gateway;
        _senders = senders;
        _logger = logger;
        _problem = $"link {name} is not open yet";
        _epoll.Add(_wake.Handle, EpollEvents.Read, WakeToken);
        _thread = new Thread(Run) { IsBackground = true, Name = "arp-proxy" };
        _thread.UnsafeStart();
    }

    /// <summary>Why ARP is not answered, in one line; otherwise empty.</summary>
    public string Problem => Volatile.Read(ref _problem);

    /// <summary>Number of frames with the verdict.</summary>
    public long Count(ArpVerdict verdict) => Volatile.Read(ref _counts[(int)verdict]);

    public void Dispose()
    {
        if (_stopping)
        {
            return;
        }

        _stopping = true;
        _wake.Signal();
        _thread.Join();
        Close();
        _batch.Dispose();
        _epoll.Dispose();
        _wake.Dispose();
    }

    private void Run()
    {
        var events = new EpollEvent[2];
        while (!_stopping)
        {
            try
            {
                // A renamed link keeps its socket, so check the name too.
                if (_port is { } port && (port.RefreshState() == PortLinkState.Gone || !port.IsNameCurrent()))
                {
                    CloseWithProblem($"link {_name} is gone");
                }

                if (_port is null)
                {
                    Open();
                }

                SetProblem(_port!.RefreshState() == PortLinkState.Down ? $"link {_name} is down; set it up (ip link set {_name} up)" : "");
                _ = _epoll.Wait(events, PollMilliseconds);
                if (_port is not null && !_stopping)
                {
                    Serve(_port);
                }
            }
            catch (LinuxException e)
            {
                CloseWithProblem(e.Message);
                _ = _epoll.Wait(events, PollMilliseconds);
            }
        }
    }

    private void Open()
    {
        var port = PacketPort.Open(_namespace, _name, Options);
        try
        {
            _epoll.Add(port.Handle, EpollEvents.Read, PortToken);
        }
        catch
        {
            port.Dispose();
            throw;
        }

        _port = port;
        LogOpened(_name, _gateway);
    }

    private void SetProblem(string problem)
    {
        if (_problem == problem)
        {
            return;
        }

        if (problem.Length > 0)
        {
            LogProblem(problem);
        }

        Volatile.Write(ref _problem, problem);
    }

    private void Serve(PacketPort port)
    {
        while (port.Receive(_batch) > 0)
        {
            // The link may be renamed at any time. Frames received before that are still answered on the same socket.
            _senders.Refresh();
            for (var i = 0; i < _batch.Count; i++)
            {
                var frame = _batch.Frame(i);
                var verdict = ArpPacket.Answer(frame, _gateway, _senders.Macs);
                if (verdict == ArpVerdict.Answered && !port.TrySend(frame))
                {
                    verdict = ArpVerdict.NotSent;
                }

                Volatile.Write(ref _counts[(int)verdict], _counts[(int)verdict] + 1);
            }
        }
    }

    private void CloseWithProblem(string problem)
    {
        SetProblem(problem);
        Close();
    }

    private void Close()
    {
        if (_port is not { } port)
        {
            return;
        }

        _port = null;
        _epoll.Remove(port.Handle);
        port.Dispose();
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Answering ARP on {Link} with {Mac}")]
    private partial void LogOpened(string link, MacAddress mac);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Not answering ARP: {Reason}; retrying")]
    private partial void LogProblem(string reason);
}

/// <summary>The allowed ARP senders: the endpoints' IPv4 and MAC addresses.</summary>
internal sealed class ArpSenders(Func<NodeSettings> node, Func<IReadOnlyDictionary<long, Programming.EndpointView>> endpoints)
{
    private IReadOnlyDictionary<long, Programming.EndpointView>? _current;
    private NodeSettings? _node;

    /// <summary>MAC addresses by IPv4 address in host byte order.</summary>
    public Dictionary<uint, ulong> Macs { get; private set; } = [];

    /// <summary>Rebuilds <see cref="Macs"/> if an endpoint or the node's addresses have changed.</summary>
    public void Refresh()
    {
        var latest = endpoints();
        var settings = node();
        if (ReferenceEquals(latest, _current) && ReferenceEquals(settings, _node))
        {
            return;
        }

        _current = latest;
        _node = settings;
        var macs = new Dictionary<uint, ulong>();
        foreach (var spec in latest.Values.Select(v => v.Endpoint.Spec))
        {
            foreach (var address in settings.AddressesOf(spec).Where(a => a.AddressFamily == AddressFamily.InterNetwork))
            {
                macs[Ipv4.Value(address)] = spec.Mac.Value;
            }
        }

        Macs = macs;
    }
}

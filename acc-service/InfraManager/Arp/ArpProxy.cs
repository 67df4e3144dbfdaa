using System.Net.Sockets;
using ACCOffload.InfraManager.State;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Packets;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.InfraManager.Arp;

/// <summary>
/// Answers ARP with the gateway's MAC address on one link of the ACC, for targets whose pipeline can't. A thread of its own, which ends with
/// <see cref="Dispose"/> only: a link that goes or is renamed is let go of at once, and looked for by its name.
/// </summary>
internal sealed partial class ArpProxy : IDisposable
{
    private const ulong WakeToken = 0, PortToken = 1;
    private const int LookMilliseconds = 200;
    private static readonly PacketPortOptions Options = new() { EtherType = 0x0806, Promiscuous = false, ReceiveBufferBytes = 1 << 20, SendBufferBytes = 1 << 18 };

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

    /// <param name="name">The link.</param>
    /// <param name="ns">Where it is; null for the process's own namespace.</param>
    /// <param name="gateway">The MAC address that is told.</param>
    /// <param name="senders">Who may ask.</param>
    /// <param name="logger">Category ArpProxy.</param>
    public ArpProxy(string name, NetNamespace? ns, MacAddress gateway, ArpSenders senders, ILogger logger)
    {
        _name = name;
        _namespace = ns;
        _gateway = gateway;
        _senders = senders;
        _logger = logger;
        _problem = $"link {name} was not opened yet";
        _epoll.Add(_wake.Handle, EpollEvents.Read, WakeToken);
        _thread = new Thread(Run) { IsBackground = true, Name = "arp-proxy" };
        _thread.UnsafeStart();
    }

    /// <summary>One line on why nothing is answered now; empty while it listens.</summary>
    public string Problem => Volatile.Read(ref _problem);

    /// <summary>Frames so far, by what became of them.</summary>
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
                // A renamed link keeps its socket, so its name is looked at, too.
                if (_port is { } port && (port.RefreshState() == PortLinkState.Gone || !port.HasItsName()))
                {
                    Lose($"link {_name} is gone");
                }

                if (_port is null)
                {
                    Open();
                }

                Tell(_port!.RefreshState() == PortLinkState.Down ? $"link {_name} is down: nobody reaches it; set it up (ip link set {_name} up)" : "");
                _ = _epoll.Wait(events, LookMilliseconds);
                if (_port is not null && !_stopping)
                {
                    Serve(_port);
                }
            }
            catch (LinuxException e)
            {
                Lose(e.Message);
                _ = _epoll.Wait(events, LookMilliseconds);
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

    private void Tell(string problem)
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
            // Between two looks at its name the link may have become another's. A frame is answered only by the one that it came to, and that was ours then.
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

    private void Lose(string problem)
    {
        Tell(problem);
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

    [LoggerMessage(Level = LogLevel.Information, Message = "ARP is answered on {Link} with {Mac}")]
    private partial void LogOpened(string link, MacAddress mac);

    [LoggerMessage(Level = LogLevel.Warning, Message = "ARP is not answered: {Reason}; trying again")]
    private partial void LogProblem(string reason);
}

/// <summary>Who may ask: the endpoints' IPv4 and MAC addresses.</summary>
internal sealed class ArpSenders(NodeSettings node, Func<IReadOnlyDictionary<long, Programming.EndpointView>> endpoints)
{
    private IReadOnlyDictionary<long, Programming.EndpointView>? _seen;

    /// <summary>MAC addresses by IPv4 address, in host byte order. Made anew only when an endpoint changed.</summary>
    public Dictionary<uint, ulong> Macs { get; private set; } = [];

    /// <summary>Whether there is such a MAC address is asked for probes only, of which there are few.</summary>
    public void Refresh()
    {
        var now = endpoints();
        if (ReferenceEquals(now, _seen))
        {
            return;
        }

        _seen = now;
        var macs = new Dictionary<uint, ulong>();
        foreach (var spec in now.Values.Select(v => v.Endpoint.Spec))
        {
            foreach (var address in node.AddressesOf(spec).Where(a => a.AddressFamily == AddressFamily.InterNetwork))
            {
                macs[Ipv4.Value(address)] = spec.Mac.Value;
            }
        }

        Macs = macs;
    }
}

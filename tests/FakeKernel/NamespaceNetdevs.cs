using System.Globalization;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.FakeKernel;

/// <summary>
/// Creates real links for the simulated functions: veth ends whose peers are in a "hardware" namespace. They behave like hardware: removing
/// a function removes its link in any namespace, and a link whose namespace is deleted returns to the host's namespace.
/// </summary>
public sealed class NamespaceNetdevs : INetdevs
{
    private static int _count;

    private readonly Lock _gate = new();
    private readonly List<Entry> _entries = [];
    private readonly string _name;
    private readonly string _hardwareName;
    private readonly NetNamespace _hardware;
    private readonly RouteNetlink _route;
    private readonly RouteNetlink _hardwareRoute;
    private readonly LinkMonitor _links;
    private readonly LinkMonitor _hardwareLinks;
    private readonly EventFd _stop = new();
    private readonly Thread _watch;
    private int _nextEnd;

    /// <param name="ns">The host's namespace; it must outlive this.</param>
    public NamespaceNetdevs(NetNamespace ns)
    {
        Namespace = ns;
        _name = string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessId % 10_000}-{Interlocked.Increment(ref _count)}");
        _hardwareName = $"accfake-{Guid.NewGuid():N}";
        _hardware = NetNamespace.CreateNamed(_hardwareName);
        _route = RouteNetlink.Open(ns);
        _hardwareRoute = RouteNetlink.Open(_hardware);
        _links = LinkMonitor.Open(ns);
        _hardwareLinks = LinkMonitor.Open(_hardware);
        _watch = new Thread(Watch) { IsBackground = true, Name = "fake hardware" };
        _watch.Start();
    }

    /// <summary>The host's namespace.</summary>
    public NetNamespace Namespace { get; }

    /// <inheritdoc/>
    public int Create(string name, MacAddress mac, string sysfsPath)
    {
        lock (_gate)
        {
            var entry = new Entry(sysfsPath, mac, string.Create(CultureInfo.InvariantCulture, $"hw{_nextEnd++}"));
            Make(entry, name);
            _entries.Add(entry);
            return _route.GetLink(name)!.Index;
        }
    }

    /// <inheritdoc/>
    public void Delete(string sysfsPath)
    {
        lock (_gate)
        {
            foreach (var entry in _entries.Where(e => e.SysfsPath == sysfsPath).ToArray())
            {
                _entries.Remove(entry);
                _hardwareRoute.DeleteLink(entry.EndIndex);
                SysfsTree.RemoveNetdevs(sysfsPath);
            }
        }
    }

    /// <inheritdoc/>
    public void Refresh()
    {
        lock (_gate)
        {
            var gone = new HashSet<int>();
            var changed = false;
            var lost = false;
            while (_hardwareLinks.TryRead(out var change))
            {
                lost |= change.Kind == LinkEventKind.Lost;
                if (change.Kind == LinkEventKind.Removed)
                {
                    gone.Add(change.Link!.Index);
                }
            }
            if (lost)
            {
                var there = List(_hardwareRoute).Select(l => l.Index).ToHashSet();
                gone = [.. _entries.Select(e => e.EndIndex).Where(i => !there.Contains(i))];
            }
            // A hardware link is not destroyed with a namespace: it returns under a name chosen by the kernel.
            foreach (var entry in _entries.Where(e => gone.Contains(e.EndIndex)))
            {
                Make(entry, string.Create(CultureInfo.InvariantCulture, $"dev{_name}-{_nextEnd++}"));
            }

            while (_links.TryRead(out _))
            {
                changed = true;
            }

            if (!changed)
            {
                return;
            }

            var links = List(_route)
                .Where(l => l.Kind == "veth" && l.PeerNamespaceId is not null).ToLookup(l => (l.PeerNamespaceId, l.PeerIndex));
            foreach (var entry in _entries)
            {
                UpdateSysfs(entry, links[(entry.NamespaceId, entry.EndIndex)].FirstOrDefault());
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stop.Signal();
        _watch.Join();
        lock (_gate)
        {
            foreach (var entry in _entries)
            {
                _hardwareRoute.DeleteLink(entry.EndIndex);
            }

            _entries.Clear();
        }
        _links.Dispose();
        _hardwareLinks.Dispose();
        _route.Dispose();
        _hardwareRoute.Dispose();
        _hardware.Dispose();
        NetNamespace.DeleteNamed(_hardwareName);
        _stop.Dispose();
    }

    /// <summary>The sysfs path of the function whose link has an index in the host's namespace; null for other links.</summary>
    internal string? SysfsPathOf(int index)
    {
        lock (_gate)
        {
            return _route.GetLink(index) is { PeerNamespaceId: { } ns } link
                ? _entries.Find(e => e.NamespaceId == ns && e.EndIndex == link.PeerIndex)?.SysfsPath
                : null;
        }
    }

    private void Make(Entry entry, string name)
    {
        var link = _route.CreateVeth(new VethSpec { Name = name, Mac = entry.Mac, PeerName = entry.End, PeerNamespace = _hardware })!;
        (entry.EndIndex, entry.NamespaceId) = (link.PeerIndex, link.PeerNamespaceId);
        _hardwareRoute.SetUp(link.PeerIndex);
        UpdateSysfs(entry, link);
    }

    // Concurrent tests change the list, which interrupts a dump with EAGAIN.
    private static IReadOnlyList<LinkInfo> List(RouteNetlink route)
    {
        while (true)
        {
            try
            {
                return route.GetLinks();
            }
            catch (NetlinkException e) when (e.Errno == Errno.EAGAIN)
            {
                Thread.Yield();
            }
        }
    }

    private static void UpdateSysfs(Entry entry, LinkInfo? link)
    {
        var shown = link is null ? null : $"{link.Name} {link.Index}";
        if (shown == entry.Shown)
        {
            return;
        }

        entry.Shown = shown;
        SysfsTree.RemoveNetdevs(entry.SysfsPath);
        if (link is not null)
        {
            SysfsTree.AddNetdev(entry.SysfsPath, link.Name, link.Index);
        }
    }

    private void Watch()
    {
        using var epoll = new Epoll();
        epoll.Add(_stop.Handle, EpollEvents.Read, 0);
        epoll.Add(_links.Handle, EpollEvents.Read, 1);
        epoll.Add(_hardwareLinks.Handle, EpollEvents.Read, 1);
        var events = new EpollEvent[3];
        while (true)
        {
            var count = epoll.Wait(events, -1);
            if (events.AsSpan(0, count).ToArray().Any(e => e.Token == 0))
            {
                return;
            }

            Refresh();
        }
    }

    private sealed class Entry(string sysfsPath, MacAddress mac, string end)
    {
        public string SysfsPath => sysfsPath;

        public MacAddress Mac => mac;

        public string End => end;

        public int EndIndex { get; set; }

        public int? NamespaceId { get; set; }

        public string? Shown { get; set; }
    }
}

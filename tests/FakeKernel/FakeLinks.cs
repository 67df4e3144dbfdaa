using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.FakeKernel;

/// <summary>A simulated link.</summary>
public sealed class FakeLink
{
    /// <summary>Its index.</summary>
    public required int Index { get; init; }

    /// <summary>Its name.</summary>
    public required string Name { get; set; }

    /// <summary>Its address.</summary>
    public MacAddress Mac { get; set; }

    /// <summary>Its permanent address.</summary>
    public MacAddress? PermanentMac { get; set; }

    /// <summary>Its MTU.</summary>
    public int Mtu { get; set; } = 1500;

    /// <summary>Whether it is up.</summary>
    public bool Up { get; set; }

    /// <summary>The port's name on its switch.</summary>
    public string? PhysPortName { get; set; }

    /// <summary>Its switch.</summary>
    public byte[]? PhysSwitchId { get; set; }

    /// <summary>The device it belongs to.</summary>
    public string? ParentDevice { get; set; }

    /// <summary>That device's bus.</summary>
    public string? ParentBus { get; set; }

    /// <summary>Its alternative names.</summary>
    public List<string> AlternativeNames { get; } = [];

    internal string? SysfsPath { get; init; }
}

/// <summary>The simulated links.</summary>
public sealed class FakeLinks : INetdevs
{
    private readonly FakeHost _host;
    private readonly List<FakeLink> _links = [];
    private int _nextIndex = 2;

    internal FakeLinks(FakeHost host) => _host = host;

    /// <summary>All links.</summary>
    public IReadOnlyList<FakeLink> All
    {
        get
        {
            lock (_host.Gate)
            {
                return [.. _links];
            }
        }
    }

    /// <summary>Adds a link and sends a notification.</summary>
    public FakeLink Add(string name, Action<FakeLink>? describe = null) => Add(name, default, null, describe);

    /// <inheritdoc/>
    public int Create(string name, MacAddress mac, string sysfsPath) => Add(name, mac, sysfsPath, null).Index;

    /// <summary>Changes a link and sends a notification.</summary>
    public void Describe(int index, Action<FakeLink> change)
    {
        ArgumentNullException.ThrowIfNull(change);
        lock (_host.Gate)
        {
            if (_links.Find(l => l.Index == index) is not { } link)
            {
                return;
            }

            change(link);
            if (link.SysfsPath is not null)
            {
                SysfsTree.RemoveNetdevs(link.SysfsPath);
                SysfsTree.AddNetdev(link.SysfsPath, link.Name, link.Index);
            }
            _host.NotifyLinks(RouteRequests.NewLink, RouteRequests.Describe(link));
        }
    }

    /// <summary>Removes a link and sends a notification.</summary>
    public void Remove(int index)
    {
        lock (_host.Gate)
        {
            if (_links.Find(l => l.Index == index) is not { } link)
            {
                return;
            }

            _links.Remove(link);
            if (link.SysfsPath is not null)
            {
                SysfsTree.RemoveNetdevs(link.SysfsPath);
            }

            _host.NotifyLinks(RouteRequests.DeleteLink, RouteRequests.Describe(link));
        }
    }

    /// <inheritdoc/>
    public void Delete(string sysfsPath)
    {
        lock (_host.Gate)
        {
            foreach (var link in _links.Where(l => l.SysfsPath == sysfsPath).ToArray())
            {
                Remove(link.Index);
            }
        }
    }

    /// <inheritdoc/>
    public void Refresh()
    {
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    private FakeLink Add(string name, MacAddress mac, string? sysfsPath, Action<FakeLink>? describe)
    {
        lock (_host.Gate)
        {
            if (_links.Exists(l => l.Name == name))
            {
                throw new InvalidOperationException($"link {name} already exists");
            }

            var link = new FakeLink { Index = _nextIndex++, Name = name, Mac = mac, SysfsPath = sysfsPath };
            describe?.Invoke(link);
            _links.Add(link);
            if (sysfsPath is not null)
            {
                SysfsTree.AddNetdev(sysfsPath, name, link.Index);
            }

            _host.NotifyLinks(RouteRequests.NewLink, RouteRequests.Describe(link));
            return link;
        }
    }
}

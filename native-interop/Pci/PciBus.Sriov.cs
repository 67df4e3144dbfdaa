using System.Globalization;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Pci;

/// <content>Virtual functions.</content>
public sealed partial class PciBus
{
    /// <summary>How many virtual functions a function has and can have.</summary>
    /// <returns>Null if it can have none, or is not there.</returns>
    public SriovTotals? Sriov(string address)
    {
        if (!IsAddress(address))
        {
            return null;
        }

        var path = PathOf(address);
        return Number(Path.Join(path, "sriov_totalvfs")) is { } total && Number(Path.Join(path, "sriov_numvfs")) is { } current ? new SriovTotals(total, current) : null;
    }

    /// <summary>
    /// Makes or removes virtual functions. The kernel changes a number that is not 0 only by way of 0: then all existing functions vanish first, also
    /// those that pods use. Their netdevs appear later (<see cref="WaitForNetdev(string, TimeSpan, CancellationToken)"/>).
    /// </summary>
    /// <param name="address">The physical function.</param>
    /// <param name="count">How many there shall be.</param>
    /// <exception cref="LinuxException">
    /// The function can have none (EOPNOTSUPP) or not so many (ERANGE), is not there (ENODEV), its driver made fewer (ENOSPC) or refused (its own error).
    /// </exception>
    public void SetVfCount(string address, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        var operation = $"set the number of virtual functions of {address} to {count}";
        if (!IsAddress(address) || !Directory.Exists(PathOf(address)))
        {
            throw new LinuxException($"{operation}: there is no such PCI function", Errno.ENODEV);
        }

        var totals = Sriov(address) ?? throw new LinuxException($"{operation}: it has no SR-IOV", Errno.EOPNOTSUPP);
        if (count > totals.Total)
        {
            throw new LinuxException($"{operation}: it can have {totals.Total} at most", Errno.ERANGE);
        }

        if (count == totals.Current)
        {
            return;
        }

        var path = Path.Join(PathOf(address), "sriov_numvfs");
        var errno = Set(path, count);
        if (errno == Errno.EBUSY && totals.Current != 0 && count != 0)
        {
            errno = Set(path, 0);
            if (errno == Errno.None)
            {
                errno = Set(path, count);
            }
        }
        if (errno != Errno.None)
        {
            throw new LinuxException(operation, errno);
        }
        // A driver may make fewer than it was told to without calling that an error.
        if (Sriov(address) is { } now && now.Current != count)
        {
            throw new LinuxException($"{operation}: the driver made {now.Current}", Errno.ENOSPC);
        }
    }

    /// <summary>The virtual functions of a physical one, in the order of their numbers.</summary>
    public IReadOnlyList<VirtualFunction> VirtualFunctions(string address)
    {
        const string Prefix = "virtfn";
        if (!IsAddress(address))
        {
            return [];
        }

        var path = PathOf(address);
        var found = new List<VirtualFunction>();
        foreach (var entry in Sysfs.Entries(path))
        {
            if (entry.StartsWith(Prefix, StringComparison.Ordinal)
                && int.TryParse(entry.AsSpan(Prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
                && Sysfs.LinkName(Path.Join(path, entry)) is { } function && IsAddress(function))
            {
                var netdevs = _sysfs.Netdevs(PathOf(function));
                found.Add(new VirtualFunction(number, function, netdevs.Length == 0 ? null : netdevs[0]));
            }
        }
        found.Sort((a, b) => a.Number.CompareTo(b.Number));
        return found;
    }

    /// <summary>Waits until a function has a netdev in the calling thread's namespace, woken by the kernel's notifications alone.</summary>
    /// <param name="address">The function.</param>
    /// <param name="limit">How long to wait.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <returns>The netdev's name; udev may rename it soon after.</returns>
    /// <exception cref="LinuxException">The time is over (ETIMEDOUT), or the function is not there (ENODEV).</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public string WaitForNetdev(string address, TimeSpan limit, CancellationToken cancellation = default)
    {
        using var links = LinkMonitor.Open();
        return WaitForNetdev(address, limit, links, cancellation);
    }

    /// <summary>Waits until a function has a netdev.</summary>
    /// <param name="address">The function.</param>
    /// <param name="limit">How long to wait.</param>
    /// <param name="links">Tells of it; opened in the namespace that sysfs was mounted in. Its events are used up.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <inheritdoc cref="WaitForNetdev(string, TimeSpan, CancellationToken)"/>
    public string WaitForNetdev(string address, TimeSpan limit, LinkMonitor links, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(links);
        var operation = $"wait for the netdev of {address}";
        using var wait = new EventWait(limit, cancellation, links.Handle);
        for (var timeOver = false; ;)
        {
            if (!IsAddress(address) || !Directory.Exists(PathOf(address)))
            {
                throw new LinuxException($"{operation}: there is no such PCI function", Errno.ENODEV);
            }

            if (_sysfs.Netdevs(PathOf(address)) is [var name, ..])
            {
                return name;
            }

            if (timeOver)
            {
                throw new LinuxException($"{operation}: none appeared within {limit.TotalSeconds:0.###} s, {(Sysfs.LinkName(Path.Join(PathOf(address), "driver")) is { } driver ? $"driver {driver}" : "no driver is bound to it")}", Errno.ETIMEDOUT);
            }

            timeOver = !wait.Next();
            while (links.TryRead(out _))
            {
            }
        }
    }

    private Errno Set(string path, int count) => _sysfs.Write(path, count.ToString(CultureInfo.InvariantCulture));
}

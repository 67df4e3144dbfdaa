using System.Globalization;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Pci;

/// <content>Virtual functions.</content>
public sealed partial class PciBus
{
    /// <summary>Current and maximum number of virtual functions of a function.</summary>
    /// <returns>Null if the function does not exist or does not support SR-IOV.</returns>
    public SriovTotals? Sriov(string address)
    {
        if (!IsAddress(address))
        {
            return null;
        }

        var path = PathOf(address);
        return Number(Path.Join(path, "sriov_totalvfs")) is { } total && Number(Path.Join(path, "sriov_numvfs")) is { } current
            ? new SriovTotals(total, current) : null;
    }

    /// <summary>
    /// Creates or removes virtual functions. The kernel can change a nonzero number only by setting it to 0 first, which removes all
    /// existing functions, including those that pods use. Their netdevs appear later
    /// (<see cref="WaitForNetdev(string, TimeSpan, CancellationToken)"/>).
    /// </summary>
    /// <param name="address">The physical function.</param>
    /// <param name="count">The new number.</param>
    /// <exception cref="LinuxException">
    /// The function does not support SR-IOV (EOPNOTSUPP) or that many (ERANGE), does not exist (ENODEV), or its driver created fewer
    /// (ENOSPC) or refused (its own error).
    /// </exception>
    public void SetVfCount(string address, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        var operation = $"set the number of virtual functions of {address} to {count}";
        if (!IsAddress(address) || !Directory.Exists(PathOf(address)))
        {
            throw new LinuxException($"{operation}: there is no such PCI function", Errno.ENODEV);
        }

        var totals = Sriov(address) ?? throw new LinuxException($"{operation}: the function does not support SR-IOV", Errno.EOPNOTSUPP);
        if (count > totals.Total)
        {
            throw new LinuxException($"{operation}: the limit is {totals.Total}", Errno.ERANGE);
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
        // A driver may create fewer than requested without reporting an error.
        if (Sriov(address) is { } now && now.Current != count)
        {
            throw new LinuxException($"{operation}: the driver created {now.Current}", Errno.ENOSPC);
        }
    }

    /// <summary>The virtual functions of a physical function, by ascending number.</summary>
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

    /// <summary>
    /// Waits until a function has a netdev in the calling thread's namespace. Driven by kernel notifications, without polling.
    /// </summary>
    /// <param name="address">The function.</param>
    /// <param name="limit">How long to wait.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <returns>The netdev's name; udev may rename it soon after.</returns>
    /// <exception cref="LinuxException">The wait timed out (ETIMEDOUT), or the function does not exist (ENODEV).</exception>
    /// <exception cref="OperationCanceledException">The wait was canceled.</exception>
    public string WaitForNetdev(string address, TimeSpan limit, CancellationToken cancellation = default)
    {
        using var links = LinkMonitor.Open();
        return WaitForNetdev(address, limit, links, cancellation);
    }

    /// <summary>Waits until a function has a netdev.</summary>
    /// <param name="address">The function.</param>
    /// <param name="limit">How long to wait.</param>
    /// <param name="links">Link events; opened in the namespace that sysfs was mounted in. The wait consumes its events.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <inheritdoc cref="WaitForNetdev(string, TimeSpan, CancellationToken)"/>
    public string WaitForNetdev(string address, TimeSpan limit, LinkMonitor links, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(links);
        var operation = $"wait for the netdev of {address}";
        using var wait = new EventWait(limit, cancellation, links.Handle);
        for (var timedOut = false; ;)
        {
            if (!IsAddress(address) || !Directory.Exists(PathOf(address)))
            {
                throw new LinuxException($"{operation}: there is no such PCI function", Errno.ENODEV);
            }

            if (_sysfs.Netdevs(PathOf(address)) is [var name, ..])
            {
                return name;
            }

            if (timedOut)
            {
                var driver = Sysfs.LinkName(Path.Join(PathOf(address), "driver"));
                throw new LinuxException(
                    $"{operation}: none appeared within {limit.TotalSeconds:0.###} s, "
                        + (driver is null ? "no driver is bound to it" : $"driver {driver}"), Errno.ETIMEDOUT);
            }

            timedOut = !wait.Next();
            while (links.TryRead(out _))
            {
            }
        }
    }

    private Errno Set(string path, int count) => _sysfs.Write(path, count.ToString(CultureInfo.InvariantCulture));
}

using System.Net;
using System.Runtime.InteropServices;
using ACCOffload.NativeInterop.Routing;

namespace ACCOffload.InfraManager.Uplink;

/// <summary>
/// The neighbours as the kernel reports them: which of them the sink has to learn about and when, and what the kernel has to be asked. Only
/// a neighbour that the kernel asked in vain counts as gone. Not thread-safe.
/// </summary>
/// <param name="scope">Which neighbours count.</param>
/// <param name="limit">How many are kept beside the wanted ones; beyond it, the least recently confirmed one is given up.</param>
/// <param name="time">The clock.</param>
internal sealed class NeighborTable(NeighborScope scope, int limit, TimeProvider time)
{
    /// <summary>A neighbour is reported at most once in this time; the last state always is.</summary>
    public static readonly TimeSpan ReportInterval = TimeSpan.FromSeconds(1);

    private static readonly Comparer<KnownNeighbor> ByConfirmation = Comparer<KnownNeighbor>.Create(
        (a, b) => (a.Confirmed, a.Number).CompareTo((b.Confirmed, b.Number)));

    private readonly long _start = time.GetTimestamp();
    private readonly Dictionary<IPAddress, KnownNeighbor> _all = [];
    private readonly SortedSet<KnownNeighbor> _learned = new(ByConfirmation);
    private readonly HashSet<KnownNeighbor> _changed = [];
    private readonly HashSet<KnownNeighbor> _urgent = [];
    private readonly List<IPAddress> _toDelete = [];
    private long _lastNumber;

    /// <summary>Whether there are requests that do not wait for the next round.</summary>
    public bool HasUrgentRequests => _urgent.Count > 0 || _toDelete.Count > 0;

    /// <summary>Whether each wanted neighbour is resolved, or is known not to answer.</summary>
    public bool IsSettled => _all.Values.All(n => !n.IsWanted || n.IsSettled);

    /// <summary>The number of neighbours with a MAC address.</summary>
    public int ResolvedCount => _all.Values.Count(n => n.Mac is not null);

    private TimeSpan Now => time.GetElapsedTime(_start);

    public bool IsResolved(IPAddress address) => _all.TryGetValue(address, out var known) && known.Mac is not null;

    /// <summary>Sets the next hops that are kept resolved.</summary>
    public void SetWanted(IReadOnlyCollection<IPAddress> wanted)
    {
        foreach (var known in _all.Values.Where(n => n.IsWanted).ExceptBy(wanted, n => n.Address).ToList())
        {
            Change(known, n => n.IsWanted = false);
            if (known.Mac is null || !scope.Contains(known.Address) || limit == 0)
            {
                GiveUp(known);
            }
            else
            {
                _urgent.Add(known);
            }
        }

        foreach (var address in wanted)
        {
            ref var known = ref CollectionsMarshal.GetValueRefOrAddDefault(_all, address, out var exists);
            if (!exists)
            {
                known = new KnownNeighbor(address, ++_lastNumber) { IsAbsent = true };
            }

            if (!known!.IsWanted)
            {
                Change(known, n => n.IsWanted = true);
                _urgent.Add(known);
            }
        }

        GiveUpExcess();
    }

    /// <summary>Takes an entry of the kernel.</summary>
    public void Observe(NeighborEntry entry)
    {
        if (entry.Flags.HasFlag(NeighborFlags.Proxy))
        {
            return;
        }

        var isValid = (entry.State & NeighborStates.Valid) != 0;
        var mac = isValid && entry.Mac is { } m && scope.IsUsable(m) ? entry.Mac : null;
        if (!_all.TryGetValue(entry.Address, out var known))
        {
            if (mac is null || limit == 0 || entry.State == NeighborStates.NoArp || !scope.Contains(entry.Address))
            {
                return;
            }

            known = new KnownNeighbor(entry.Address, ++_lastNumber);
            _all.Add(entry.Address, known);
        }

        Change(known, n =>
        {
            n.State = entry.State;
            n.IsManaged = entry.Flags.HasFlag(NeighborFlags.Managed);
            n.IsAbsent = false;
            if (mac is not null)
            {
                n.Mac = mac;
                n.Confirmed = Now - (entry.SinceConfirmed ?? TimeSpan.Zero);
            }
            else if (isValid || entry.State == NeighborStates.Failed)
            {
                // While it is being resolved again, the last MAC address stays in use.
                n.Mac = null;
            }
        });
        if (known.IsManaged && !known.IsWanted)
        {
            _urgent.Add(known);
        }

        GiveUpExcess();
    }

    /// <summary>
    /// Notes that the kernel has deleted an entry: with its link, to make room, or because somebody asked it to. None of these says
    /// whether the neighbour is there.
    /// </summary>
    public void Remove(IPAddress address)
    {
        if (!_all.TryGetValue(address, out var known) || (known.Mac is null && !known.IsWanted))
        {
            return;
        }

        Change(known, n =>
        {
            n.State = NeighborStates.None;
            n.IsManaged = false;
            n.IsAbsent = true;
        });
        _urgent.Add(known);
    }

    /// <summary>Takes the kernel's complete list.</summary>
    /// <param name="entries">The entries of the interface.</param>
    /// <param name="areFailuresOld">
    /// Whether the kernel may have asked in vain while nothing could answer, because the port was not served; it is asked again then.
    /// </param>
    public void Resync(IReadOnlyList<NeighborEntry> entries, bool areFailuresOld = false)
    {
        if (areFailuresOld)
        {
            entries = [.. entries.Where(e => (e.State & NeighborStates.Valid) != 0)];
        }

        foreach (var entry in entries)
        {
            Observe(entry);
        }

        foreach (var gone in _all.Keys.Except(entries.Select(e => e.Address)).ToList())
        {
            Remove(gone);
        }
    }

    /// <summary>Takes the requests to the kernel that are due.</summary>
    /// <param name="isRound">Also those of the regular round: confirm what has not been confirmed for a while.</param>
    public List<NeighborRequest> TakeRequests(bool isRound)
    {
        List<NeighborRequest> requests = [.. _toDelete.Select(a => new NeighborRequest(a, NeighborAction.Delete))];
        foreach (var known in isRound ? (IEnumerable<KnownNeighbor>)_all.Values : _urgent)
        {
            if (RequestFor(known) is { } action)
            {
                requests.Add(new NeighborRequest(known.Address, action));
            }
        }

        _toDelete.Clear();
        _urgent.Clear();
        return requests;
    }

    /// <summary>All neighbours, for the sink, which thereby knows them.</summary>
    public List<Neighbor> TakeSnapshot()
    {
        var all = new List<Neighbor>();
        foreach (var known in _all.Values.Where(n => n.IsWanted || n.Mac is not null))
        {
            all.Add(new Neighbor(known.Address, known.Mac));
            (known.Reported, known.ReportedAt) = (known.Mac, Now);
        }

        return all;
    }

    /// <summary>Reports what has changed, except for neighbours that were reported a moment ago.</summary>
    /// <returns>When to call again at the latest; null if nothing is left.</returns>
    public TimeSpan? Report(Action<Neighbor> report)
    {
        TimeSpan? next = null;
        foreach (var known in _changed.ToList())
        {
            var wait = known.ReportedAt is { } last ? ReportInterval - (Now - last) : TimeSpan.Zero;
            if (wait <= TimeSpan.Zero && known.Mac != known.Reported)
            {
                (known.Reported, known.ReportedAt) = (known.Mac, Now);
                report(new Neighbor(known.Address, known.Mac));
                wait = ReportInterval;
            }

            var isOver = known.Mac is null && !known.IsWanted;
            if (known.Mac == known.Reported && (!isOver || wait <= TimeSpan.Zero))
            {
                _changed.Remove(known);
                if (isOver)
                {
                    _all.Remove(known.Address);
                    _urgent.Remove(known);
                }
            }
            else if (next is null || wait < next)
            {
                next = wait;
            }
        }

        return next;
    }

    private static NeighborAction? RequestFor(KnownNeighbor known)
    {
        if (known.IsFixed)
        {
            return null;
        }

        if (known.IsWanted)
        {
            return known.IsManaged ? null : NeighborAction.Keep;
        }

        if (known.Mac is null)
        {
            return null;
        }

        return known.IsAbsent ? NeighborAction.Resolve
            : known.IsManaged || known.State == NeighborStates.Stale ? NeighborAction.Confirm
            : null;
    }

    private void GiveUpExcess()
    {
        while (_learned.Count > limit)
        {
            GiveUp(_learned.Min!);
        }
    }

    private void GiveUp(KnownNeighbor known)
    {
        Change(known, n => n.Mac = null);
        // The kernel reports an address again only if it has no entry for it.
        _toDelete.Add(known.Address);
    }

    private void Change(KnownNeighbor known, Action<KnownNeighbor> change)
    {
        // Its place in the order changes, too.
        _learned.Remove(known);
        change(known);
        if (known.IsLearned)
        {
            _learned.Add(known);
        }

        if (known.Mac != known.Reported || (known.Mac is null && !known.IsWanted))
        {
            _changed.Add(known);
        }
    }
}

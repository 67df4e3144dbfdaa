using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Admission;

/// <content>
/// Sync. Changed endpoints are first removed from the model, so that addresses, MACs and ports can move among the listed items in any way,
/// and are then added as listed. An item that fails gets its former state back; an item that took something from it fails as well and gets
/// its own former state back. No item fails twice, so the work is linear in the list.
/// </content>
internal sealed partial class EndpointAdmission
{
    /// <exception cref="IntentException">The epoch is not the current one, or a newer Sync was already seen; the model is
    /// unchanged.</exception>
    public SyncOutcome Sync(SyncIntent sync, AdmissionContext context)
    {
        CheckEpoch(sync.Node, ApiOrigin.Offload, sync.Epoch);
        var agent = model.Agents.Of(sync.Node);
        if (sync.Sequence < agent.Sequence)
        {
            throw IntentException.Stale("sequence", $"{sync.Stamp} is older than the last Sync {agent.Floor}");
        }

        var listed = CountKeys(sync);
        var removed = RemoveUnlisted(sync, listed);
        // No attachment can exist under an invalid key, so the answer does not echo it.
        List<SyncItemFailure> failures = [.. sync.Unreadable.Select(u => u with { Key = Usable(u.Key) })];
        List<ListedChange> changes = [];
        var kept = 0;
        foreach ((var index, var item) in Indexed(sync))
        {
            try
            {
                if (FindChange(index, item, listed[item.Key], sync, context) is { } change)
                {
                    changes.Add(change);
                }
                else
                {
                    kept++;
                }
            }
            catch (IntentException e)
            {
                failures.Add(new SyncItemFailure(Usable(item.Key), index, e));
            }
        }

        Apply(changes, context);
        failures.AddRange(changes.Where(c => c.Error is not null).Select(c => new SyncItemFailure(c.Spec.Key, c.Index, c.Error!)));
        model.Agents.Set(sync.Node, agent with { Sequence = sync.Sequence });
        // Requests older than the Sync are refused by its stamp, so they need no tombstones.
        RemoveTombstones(sync.Node, t => t.Stamp < sync.Stamp);
        return new SyncOutcome(kept, changes.Count(c => c.Error is null), removed, [.. failures.OrderBy(f => f.Index)]);
    }

    private static Dictionary<AttachmentKey, int> CountKeys(SyncIntent sync)
    {
        var counts = new Dictionary<AttachmentKey, int>();
        foreach (var key in sync.Attachments.Select(a => a.Key)
            .Concat(sync.Unreadable.Where(u => u.Key is not null).Select(u => u.Key!.Value)))
        {
            counts[key] = counts.GetValueOrDefault(key) + 1;
        }

        return counts;
    }

    /// <summary>The readable items with their index in the list as sent.</summary>
    private static IEnumerable<(int Index, EndpointSpec Item)> Indexed(SyncIntent sync)
    {
        HashSet<int> unreadable = [.. sync.Unreadable.Select(u => u.Index)];
        var index = 0;
        foreach (var item in sync.Attachments)
        {
            while (unreadable.Contains(index))
            {
                index++;
            }

            yield return (index++, item);
        }
    }

    private static AttachmentKey? Usable(AttachmentKey? key) => key is { } known && EndpointRules.KeyProblem(known) is null ? known : null;

    private int RemoveUnlisted(SyncIntent sync, Dictionary<AttachmentKey, int> listed)
    {
        List<Endpoint> gone = [.. model.Endpoints.Values.Where(e => e.Spec.Origin == ApiOrigin.Offload && e.Spec.Node == sync.Node
            && !listed.ContainsKey(e.Key) && e.Spec.Stamp <= sync.Stamp)];
        gone.ForEach(Remove);
        return gone.Count;
    }

    /// <returns>Null when the endpoint is as listed, or newer.</returns>
    private ListedChange? FindChange(int index, EndpointSpec item, int times, SyncIntent sync, AdmissionContext context)
    {
        EndpointRules.CheckKey(item.Key);
        if (times > 1)
        {
            throw IntentException.Invalid("key", $"\"{ConfigurationError.OneLine(item.Key.ToString())}\" is listed more than once");
        }

        if (context.KnownFailure(item.Key) is { } known)
        {
            throw known;
        }

        var existing = model.Endpoints.Find(new EndpointAddress(item.Origin, item.Key));
        CheckNode(existing?.Spec.Node, item.Node);
        item = Pool.Keep(item, existing);
        if (existing is not null && (existing.Spec.Stamp > sync.Stamp || IsUnchanged(item, existing)))
        {
            return null;
        }

        if (existing is null && model.Tombstones.Find(new EndpointAddress(item.Origin, item.Key)) is { } gone && gone.Stamp > sync.Stamp)
        {
            throw new IntentException(IntentError.FailedPrecondition, $"a newer request ({gone.Stamp}) detached this attachment");
        }

        EndpointRules.CheckContents(item, _effective.Of(model));
        if (context.AddsRefused is { } refused)
        {
            throw refused;
        }
        // Nothing in the list is newer than the Sync: a larger stamp would win over every later Sync.
        return new ListedChange(index,
            item.Stamp > sync.Stamp ? item with { Epoch = sync.Epoch, Sequence = sync.Sequence } : item, existing);
    }

    private void Apply(List<ListedChange> changes, AdmissionContext context)
    {
        foreach (var change in changes)
        {
            if (change.Before is { } before)
            {
                model.Endpoints.Remove(before);
            }
        }

        var applied = new Dictionary<long, ListedChange>();
        var order = new Stack<ListedChange>();
        // Existing endpoints come first, so that a new one never takes their last place. Requests for any pool port come after those that
        // already have one.
        foreach (var change in changes.OrderBy(c => c.Before is null).ThenBy(c => node.Devices.NeedsPoolPort(c.Spec)))
        {
            try
            {
                change.Spec = Pool.Lend(change.Spec);
                CheckFree(change.Spec, null, null);
                CheckRoom(change.Spec, change.Before is null);
                CheckPortIsKnown(change.Spec, change.Before, context);
                change.Now = new Endpoint(change.Before?.Id ?? model.Endpoints.NextId(), change.Spec,
                    OwnsPort(change.Spec, change.Before, context));
                model.Endpoints.Put(change.Now);
                applied.Add(change.Now.Id, change);
                order.Push(change);
            }
            catch (IntentException e)
            {
                change.Error = e;
                GiveBack(change, applied, order);
            }
        }

        foreach (var change in changes)
        {
            if (change.Now is not { } endpoint)
            {
                continue;
            }

            model.PortRemovals.Remove(endpoint.Spec.PortName);
            model.Tombstones.Remove(endpoint.Address);
            context.Changed(OwnerId.OfEndpoint(endpoint.Id), endpoint.Key);
            if (change.Before is { OwnsPort: true } before && model.Endpoints.HolderOfPort(before.Spec.PortName) is null)
            {
                model.PortRemovals.Add(before.Spec.PortName);
            }
        }
    }

    /// <summary>
    /// Restores the former state of a failed item. Only items of this list can be in the way. Other endpoints may have the same port
    /// number, if they were stored under another Target:PortRule: they keep it.
    /// </summary>
    private void GiveBack(ListedChange failed, Dictionary<long, ListedChange> applied, Stack<ListedChange> order)
    {
        var open = new Stack<ListedChange>([failed]);
        while (true)
        {
            while (open.TryPop(out var change))
            {
                if (change.Before is not { } before)
                {
                    continue;
                }

                while (BlockersOf(before).FirstOrDefault(b => applied.ContainsKey(b.Id)) is { } taker)
                {
                    Fail(applied[taker.Id],
                        IntentException.AlreadyExists("attachments", $"{change.Spec.Key} could not change and keeps what this item needs"));
                }

                model.Endpoints.Put(before);
            }

            // An endpoint that shared a port and was restored with its own port may exceed the limit now.
            if (node.Devices.MaxPorts is 0 || model.Endpoints.CountPorts() <= node.Devices.MaxPorts || !order.TryPop(out var last))
            {
                return;
            }

            if (last.Now is not null)
            {
                Fail(last,
                    new IntentException(
                        IntentError.ResourceExhausted,
                        $"all {node.Devices.MaxPorts} ports are in use (Devices:MaxPorts in the ACC's configuration)", "device"));
            }
        }

        void Fail(ListedChange change, IntentException error)
        {
            model.Endpoints.Remove(change.Now!);
            applied.Remove(change.Now!.Id);
            change.Now = null;
            change.Error = error;
            open.Push(change);
        }
    }

    private IEnumerable<Endpoint> BlockersOf(Endpoint before)
    {
        var spec = before.Spec;
        if (model.Endpoints.OtherHolderOf(spec.Mac, before.Id, before.Id) is { } mac && !spec.SharesMacWith(mac.Spec))
        {
            yield return mac;
        }

        if (model.Endpoints.OtherHolderOfPort(spec.PortName, before.Id, before.Id) is { } port && !spec.SharesPortWith(port.Spec))
        {
            yield return port;
        }

        if (node.Devices.PortRule == PortRule.Mac
            && model.Endpoints.OtherHolderOfNumber(VportNumbers.PortOf(spec.Mac), before.Id, before.Id) is { } number
            && !spec.SharesMacWith(number.Spec))
        {
            yield return number;
        }

        var holders = spec.Addresses.Select(model.Endpoints.HolderOf)
            .Concat(spec.HostPorts.Select(p => model.Endpoints.OtherHolderOf(p, before.Id, before.Id)))
            .Append(spec.Kind == EndpointKind.Host ? model.Endpoints.Host : null);
        foreach (var holder in holders.OfType<Endpoint>())
        {
            yield return holder;
        }
    }

    /// <summary>A listed item that differs from the model.</summary>
    private sealed class ListedChange(int index, EndpointSpec spec, Endpoint? before)
    {
        public int Index => index;

        public EndpointSpec Spec { get; set; } = spec;

        /// <summary>The former endpoint; null for a new one.</summary>
        public Endpoint? Before => before;

        /// <summary>The endpoint in the model; null while it is not added, or when it failed.</summary>
        public Endpoint? Now { get; set; }

        public IntentException? Error { get; set; }
    }
}

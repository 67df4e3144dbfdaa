using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Admission;

/// <content>
/// Sync. What changes is taken out of the model first, so that addresses, MACs and ports may move among the listed in any way, and then put
/// in again as listed, each once. An item that fails gets back what it had; who took something of that fails as well and gets back his own.
/// Nothing fails twice, so the work grows with the list and not with its square.
/// </content>
internal sealed partial class EndpointAdmission
{
    /// <exception cref="IntentException">Not of the current epoch, or older than a Sync already seen; the model is unchanged.</exception>
    public SyncOutcome Sync(SyncIntent sync, AdmissionContext context)
    {
        CheckEpoch(sync.Node, ApiOrigin.Offload, sync.Epoch);
        var agent = model.Agents.Of(sync.Node);
        if (sync.Sequence < agent.Sequence)
        {
            throw IntentException.Stale("sequence", $"{sync.Stamp} is older than the Sync {agent.Floor} that was already seen");
        }

        var listed = CountKeys(sync);
        var removed = RemoveUnlisted(sync, listed);
        // Nothing can be held under an invalid key, so the answer does not repeat it.
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
        // What an older number would do is refused by that alone.
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

    /// <summary>The items that could be read, with their place in the list that was sent.</summary>
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

    private static AttachmentKey? Usable(AttachmentKey? key) => key is { } known && EndpointRules.WhyNoKey(known) is null ? known : null;

    private int RemoveUnlisted(SyncIntent sync, Dictionary<AttachmentKey, int> listed)
    {
        List<Endpoint> gone = [.. model.Endpoints.Values.Where(e => e.Spec.Origin == ApiOrigin.Offload && e.Spec.Node == sync.Node
            && !listed.ContainsKey(e.Key) && e.Spec.Stamp <= sync.Stamp)];
        gone.ForEach(Remove);
        return gone.Count;
    }

    /// <returns>Null when all is as listed, or newer.</returns>
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
        if (existing is not null && (existing.Spec.Stamp > sync.Stamp || IsAsHeld(item, existing)))
        {
            return null;
        }

        if (existing is null && model.Tombstones.Find(new EndpointAddress(item.Origin, item.Key)) is { } gone && gone.Stamp > sync.Stamp)
        {
            throw new IntentException(IntentError.FailedPrecondition, $"detached by a newer request ({gone.Stamp})");
        }

        EndpointRules.CheckContents(item, node);
        if (context.AddsRefused is { } refused)
        {
            throw refused;
        }
        // The list is as of the Sync, so nothing in it is newer: a number beyond that would stand against every Sync to come.
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
        // What was there before goes first: a new one never takes the last place from it. Who asks for any port comes after those who have
        // theirs.
        foreach (var change in changes.OrderBy(c => c.Before is null).ThenBy(c => node.Devices.IsLentTo(c.Spec)))
        {
            try
            {
                change.Spec = Pool.Lend(change.Spec);
                CheckFree(change.Spec, null, null);
                CheckRoom(change.Spec, change.Before is null);
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
    /// Restores what a failed item had. All that was there before was there together, so only what the list put in its place can be in the
    /// way.
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

                while (TakerOf(before) is { } taker)
                {
                    Fail(applied[taker.Id],
                        IntentException.Held("attachments", $"{change.Spec.Key} could not be changed and keeps what this one was to get"));
                }

                model.Endpoints.Put(before);
            }

            // What shared a port before and was given back its own may be one too many now.
            if (node.Devices.MaxPorts is 0 || model.Endpoints.CountPorts() <= node.Devices.MaxPorts || !order.TryPop(out var last))
            {
                return;
            }

            if (last.Now is not null)
            {
                Fail(last,
                    new IntentException(
                        IntentError.ResourceExhausted, $"{node.Devices.MaxPorts} ports are in use (Devices:MaxPorts of the ACC's "
                            + "configuration)", "device"));
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

    private Endpoint? TakerOf(Endpoint before)
    {
        var spec = before.Spec;
        if (model.Endpoints.OtherHolderOf(spec.Mac, before.Id, before.Id) is { } mac && !spec.SharesMacWith(mac.Spec))
        {
            return mac;
        }

        if (model.Endpoints.OtherHolderOfPort(spec.PortName, before.Id, before.Id) is { } port && !spec.SharesPortWith(port.Spec))
        {
            return port;
        }

        if (node.Devices.PortRule == PortRule.Mac
            && model.Endpoints.OtherHolderOfNumber(VportNumbers.PortOf(spec.Mac), before.Id, before.Id) is { } number
            && !spec.SharesMacWith(number.Spec))
        {
            return number;
        }

        return spec.Addresses.Select(model.Endpoints.HolderOf).FirstOrDefault(h => h is not null)
            ?? (spec.Kind == EndpointKind.Host ? model.Endpoints.Host : null);
    }

    /// <summary>An item that is not as the model has it.</summary>
    private sealed class ListedChange(int index, EndpointSpec spec, Endpoint? before)
    {
        public int Index => index;

        public EndpointSpec Spec { get; set; } = spec;

        /// <summary>Null: it is new.</summary>
        public Endpoint? Before => before;

        /// <summary>As put into the model; null while it is not, or when it failed.</summary>
        public Endpoint? Now { get; set; }

        public IntentException? Error { get; set; }
    }
}

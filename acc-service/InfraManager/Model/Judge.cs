using System.Net;

namespace ACCOffload.InfraManager.Model;

/// <summary>What a judgement depends on besides the model.</summary>
internal sealed class JudgeContext
{
    /// <summary>Null while the target can be programmed; else why nothing can be added.</summary>
    public IntentException? AddsRefused { get; init; }

    /// <summary>Ports that were on the target before us and are not ours to remove.</summary>
    public required Func<string, bool> IsForeignPort { get; init; }

    /// <summary>Why an attachment of the Sync at hand is known to fail, because the target refused it; null if it is not.</summary>
    public Func<AttachmentKey, IntentException?> KnownFailure { get; init; } = _ => null;

    /// <summary>The endpoints that were added or changed, to find who is at fault when the target refuses an entry.</summary>
    public required Action<long, AttachmentKey> Changed { get; init; }
}

/// <summary>Decides intents against the model, one after the other: each either changes it as asked, wholly, or throws and leaves it as it was.</summary>
internal sealed class Judge(NetworkModel model, NodeSettings node)
{
    /// <exception cref="IntentException">Refused; the model is unchanged.</exception>
    public Endpoint Attach(EndpointSpec spec, JudgeContext context)
    {
        Endpoint? existing = model.Find(new EndpointAddress(spec.Origin, spec.Key));
        CheckNode(existing?.Spec.Node, spec.Node);
        bool same = existing is not null && existing.Spec.SameContent(spec);
        if (!spec.Stamp.IsUnordered && !same)
            CheckNotStale(spec, existing);
        if (same && context.AddsRefused is null)
        {
            // A repeat that is newer must outlive an older Sync, so its stamp counts.
            if (spec.Stamp <= existing!.Spec.Stamp)
            {
                context.Changed(existing.Id, existing.Key);
                return existing;
            }
        }

        EndpointRules.Check(spec, node);
        return Apply(spec, existing, context);
    }

    /// <returns>False when there was nothing to remove.</returns>
    /// <exception cref="IntentException">Another node's; the model is unchanged.</exception>
    public bool Detach(DetachIntent intent)
    {
        var address = new EndpointAddress(intent.Origin, intent.Key);
        Endpoint? existing = model.Find(address);
        CheckNode(existing?.Spec.Node, intent.Node);
        if (existing is not null && existing.Spec.Stamp > intent.Stamp && !intent.Stamp.IsUnordered)
            return false;
        if (existing is not null)
            Remove(existing);
        if (!intent.Stamp.IsUnordered && !(model.FindTombstone(address)?.Stamp >= intent.Stamp) && !IsBehindFloor(intent))
            model.SetTombstone(new Tombstone(address, intent.Node, intent.Stamp));
        return existing is not null;
    }

    /// <exception cref="IntentException">Older than a Sync already seen; the model is unchanged.</exception>
    public SyncOutcome Sync(SyncIntent sync, JudgeContext context)
    {
        EndpointRules.Check(sync);
        CheckFloors(sync);
        var networks = new HashSet<string>(sync.Networks);
        var listed = new Dictionary<AttachmentKey, EndpointSpec>(sync.Attachments.Count);
        var failures = new Dictionary<AttachmentKey, IntentException>();
        foreach (EndpointSpec item in sync.Attachments)
        {
            if (!listed.TryAdd(item.Key, item))
                failures[item.Key] = IntentException.Invalid("attachments", $"\"{ConfigurationError.OneLine(item.Key.ToString())}\" is listed twice");
        }

        int removed = RemoveUnlisted(sync, networks, listed);
        int kept = 0, added = 0;

        // An address may move from one attachment to another, so what is held now may be free after the others were applied.
        var open = new List<EndpointSpec>(listed.Values.Where(i => !failures.ContainsKey(i.Key)));
        for (int before = int.MaxValue; open.Count > 0 && open.Count < before;)
        {
            before = open.Count;
            var again = new List<EndpointSpec>();
            foreach (EndpointSpec item in open)
            {
                try
                {
                    if (!networks.Contains(item.Key.Network))
                        throw IntentException.Invalid("key.network", $"\"{ConfigurationError.OneLine(item.Key.Network)}\" is not among the networks of the Sync");
                    if (ApplyListed(item, sync, context))
                        added++;
                    else
                        kept++;
                }
                catch (IntentException e)
                {
                    failures[item.Key] = e;
                    if (e.Code == IntentError.AlreadyExists)
                        again.Add(item);
                    continue;
                }

                failures.Remove(item.Key);
            }

            open = again;
        }

        RaiseFloors(sync, networks);
        return new SyncOutcome(kept, added, removed, [.. failures.Select(f => new SyncItemFailure(f.Key, f.Value))]);
    }

    private static void CheckNode(string? holder, string caller)
    {
        if (holder is not null && holder != caller)
            throw new IntentException(IntentError.PermissionDenied, "the attachment belongs to another node", "key");
    }

    /// <summary>True if something was added or changed, false if all was as listed.</summary>
    private bool ApplyListed(EndpointSpec item, SyncIntent sync, JudgeContext context)
    {
        if (context.KnownFailure(item.Key) is { } known)
            throw known;
        Endpoint? existing = model.Find(new EndpointAddress(item.Origin, item.Key));
        CheckNode(existing?.Spec.Node, item.Node);
        if (existing is not null && (existing.Spec.Stamp > sync.Stamp || existing.Spec.SameContent(item)))
            return false;
        if (existing is null && model.FindTombstone(new EndpointAddress(item.Origin, item.Key)) is { } gone && gone.Stamp > sync.Stamp)
            throw new IntentException(IntentError.FailedPrecondition, $"detached by a newer request ({gone.Stamp})");
        EndpointRules.Check(item, node);
        Apply(item, existing, context);
        return true;
    }

    private Endpoint Apply(EndpointSpec spec, Endpoint? existing, JudgeContext context)
    {
        Endpoint? over = EndedBy(spec, existing);
        CheckUnique(spec, existing, over);
        if (context.AddsRefused is { } refused)
            throw refused;
        if (over is not null)
            Remove(over);
        bool samePort = existing is not null && existing.Spec.PortName == spec.PortName;
        bool owns = samePort
            ? existing!.OwnsPort
            : model.IsPortRemovalPending(spec.PortName) || !context.IsForeignPort(spec.PortName);
        var endpoint = new Endpoint(existing?.Id ?? model.NextId(), spec, owns);
        model.Put(endpoint);
        if (existing is { OwnsPort: true } && !samePort && model.HolderOfPort(existing.Spec.PortName) is null)
            model.SetPortRemoval(existing.Spec.PortName, true);
        model.SetPortRemoval(spec.PortName, false);
        model.RemoveTombstone(endpoint.Address);
        context.Changed(endpoint.Id, endpoint.Key);
        return endpoint;
    }

    /// <summary>
    /// A 24.01 agent doesn't tell its manager of a DEL whose namespace is gone. When it gives that device to the next pod, the old attachment
    /// has proved to be over.
    /// </summary>
    private Endpoint? EndedBy(EndpointSpec spec, Endpoint? self) =>
        spec is { Origin: ApiOrigin.InfraAgent, Kind: EndpointKind.Pod } && model.HolderOfPort(spec.PortName) is { } holder && holder.Id != self?.Id
        && holder.Spec is { Origin: ApiOrigin.InfraAgent, Kind: EndpointKind.Pod } && holder.Spec.Node == spec.Node
            ? holder
            : null;

    private void Remove(Endpoint endpoint)
    {
        model.Remove(endpoint);
        if (endpoint.OwnsPort && model.HolderOfPort(endpoint.Spec.PortName) is null)
            model.SetPortRemoval(endpoint.Spec.PortName, true);
    }

    private void CheckNotStale(EndpointSpec spec, Endpoint? existing)
    {
        if (existing is not null && existing.Spec.Stamp > spec.Stamp)
            throw Stale("sequence", $"a newer request ({existing.Spec.Stamp}) already set this attachment");
        if (model.Floor(new FloorKey(spec.Node, "")) is { } all && spec.Epoch < all.Epoch)
            throw Stale("epoch", $"{spec.Epoch} is over; the agent's epoch is {all.Epoch}");
        if (spec.Origin == ApiOrigin.Offload && model.Floor(new FloorKey(spec.Node, spec.Key.Network)) is { } floor && spec.Stamp < floor)
            throw Stale("sequence", $"older than the Sync {floor}");
        if (model.FindTombstone(new EndpointAddress(spec.Origin, spec.Key)) is { } gone && gone.Stamp > spec.Stamp)
            throw Stale("sequence", $"a newer request ({gone.Stamp}) already removed this attachment");

        IntentException Stale(string field, string message) => new(IntentError.FailedPrecondition, message, field);
    }

    private bool IsBehindFloor(DetachIntent intent) =>
        intent.Origin == ApiOrigin.Offload && model.Floor(new FloorKey(intent.Node, intent.Key.Network)) > intent.Stamp;

    private void CheckUnique(EndpointSpec spec, Endpoint? self, Endpoint? over)
    {
        if (model.HoldersOf(spec.Mac).Any(h => Held(h) && !spec.SharesMacWith(h.Spec)))
            throw IntentException.Held("device.mac", $"{spec.Mac} belongs to another endpoint");
        if (model.HoldersOfPort(spec.PortName).Any(h => Held(h) && !spec.SharesPortWith(h.Spec)))
            throw IntentException.Held("device.port_name", $"{spec.PortName} belongs to another endpoint");
        if (node.Devices.PortRule == PortRule.Mac
            && model.Endpoints.FirstOrDefault(e => DeviceRules.PortOf(e.Spec.Mac) == DeviceRules.PortOf(spec.Mac) && Held(e) && !spec.SharesMacWith(e.Spec)) is { } sameNumber)
            throw IntentException.Held("device.mac", $"{spec.Mac} stands for port {DeviceRules.PortOf(spec.Mac)}, which {sameNumber.Spec.Mac} of another endpoint stands for, too");
        if (node.OwnPorts.Contains(DeviceRules.PortOf(spec.Mac)))
            throw IntentException.Held("device.mac", $"{spec.Mac} stands for port {DeviceRules.PortOf(spec.Mac)}, which is the ACC's own");
        if (node.Devices.MaxPorts is > 0 and var most && model.HolderOfPort(spec.PortName) is null
            && model.CountPorts(self, over) >= most)
            throw new IntentException(IntentError.ResourceExhausted, $"{most} ports are in use, which is all that there may be (Devices:MaxPorts of the ACC's configuration)", "device");
        for (int i = 0; i < spec.Addresses.Count; i++)
        {
            IPAddress address = spec.Addresses[i];
            if (Held(model.HolderOf(address)))
                throw IntentException.Held($"addresses[{i}]", $"{address} belongs to another endpoint");
        }

        if (spec.Kind == EndpointKind.Host && Held(model.Host))
            throw IntentException.Held("kind", "the node already has a host interface");

        bool Held(Endpoint? holder) => holder is not null && holder.Id != self?.Id && holder.Id != over?.Id;
    }

    private void CheckFloors(SyncIntent sync)
    {
        if (model.Floor(new FloorKey(sync.Node, "")) is not { } floor || sync.Stamp >= floor)
            return;
        throw new IntentException(
            IntentError.FailedPrecondition, $"{sync.Stamp} is older than the Sync {floor} that was already seen", sync.Epoch < floor.Epoch ? "epoch" : "sequence");
    }

    private int RemoveUnlisted(SyncIntent sync, HashSet<string> networks, Dictionary<AttachmentKey, EndpointSpec> listed)
    {
        List<Endpoint> gone = [.. model.Endpoints.Where(e => e.Spec.Origin == ApiOrigin.Offload && e.Spec.Node == sync.Node
            && networks.Contains(e.Key.Network) && !listed.ContainsKey(e.Key) && e.Spec.Stamp <= sync.Stamp)];
        gone.ForEach(Remove);
        return gone.Count;
    }

    private void RaiseFloors(SyncIntent sync, HashSet<string> networks)
    {
        Raise("");
        foreach (string network in networks)
            Raise(network);

        // What the floor refuses needs no tombstone.
        List<EndpointAddress> covered = [.. model.Tombstones.Values.Where(t => t.Address.Origin == ApiOrigin.Offload && t.Node == sync.Node
            && networks.Contains(t.Address.Key.Network) && t.Stamp < sync.Stamp).Select(t => t.Address)];
        covered.ForEach(model.RemoveTombstone);

        void Raise(string network)
        {
            var key = new FloorKey(sync.Node, network);
            RequestStamp? floor = model.Floor(key);
            if (floor == sync.Stamp || (floor is null && model.Floors.Count >= NetworkModel.MaxFloors))
                return;
            model.SetFloor(key, sync.Stamp);
        }
    }
}

using System.Net;
using ACCOffload.Fuzz.Tests.Engine;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.Fuzz.Tests.Rpc;

/// <summary>The expected contents of the model, updated with each accepted request and compared after every request.</summary>
internal sealed class ExpectedModel(NetworkModel model)
{
    private const string NodeAddress = "198.51.100.10";

    private readonly Dictionary<EndpointAddress, EndpointSpec> _endpoints = [];
    private Dictionary<EndpointAddress, Tombstone> _tombstones = [];
    private ulong _epoch = 1;
    private ulong _lastSync;

    public IReadOnlyDictionary<EndpointAddress, EndpointSpec> Endpoints => _endpoints;

    /// <summary>Whether the stamp belongs to the current epoch; always true for a request without a stamp.</summary>
    public bool IsCurrentEpoch(RequestStamp stamp) => stamp == default || stamp.Epoch == _epoch;

    /// <summary>Moves an epoch relative to the current one, because most requests would otherwise belong to a past epoch.</summary>
    public ulong Shift(ulong epoch) => epoch == 0 ? 0 : unchecked(epoch + _epoch - 1);

    /// <summary>Whether a Sync with this stamp would be accepted.</summary>
    public bool WouldSync(RequestStamp stamp) => stamp.Epoch == _epoch && stamp.Sequence >= _lastSync;

    /// <summary>Whether an Attach with valid fields would be accepted.</summary>
    /// <param name="spec">The request.</param>
    /// <param name="superseded">The attachment that this one replaces.</param>
    public bool WouldAccept(EndpointSpec spec, EndpointAddress? superseded = null)
    {
        var address = new EndpointAddress(spec.Origin, spec.Key);
        var existing = _endpoints.GetValueOrDefault(address);
        var same = existing is not null && existing.HasSameContent(spec);
        if (spec.Origin == ApiOrigin.Offload && !IsCurrentEpoch(spec.Stamp))
        {
            return false;
        }

        if (same && spec.Stamp <= existing!.Stamp)
        {
            return true;
        }

        if (!same && spec.Stamp != default)
        {
            if (existing is not null && existing.Stamp > spec.Stamp)
            {
                return false;
            }

            if (spec.Origin == ApiOrigin.Offload && spec.Sequence < _lastSync)
            {
                return false;
            }

            if (_tombstones.TryGetValue(address, out var gone) && gone.Stamp > spec.Stamp)
            {
                return false;
            }
        }

        foreach (var (key, other) in _endpoints)
        {
            if (key == address || key == superseded)
            {
                continue;
            }

            if (other.Mac == spec.Mac || other.PortName == spec.PortName || other.Addresses.Intersect(spec.Addresses).Any())
            {
                return false;
            }

            if (other.HostPorts.Any(o => spec.HostPorts.Any(p => PlainRules.Collide(o, p))))
            {
                return false;
            }

            if (other.Kind == EndpointKind.Host && spec.Kind == EndpointKind.Host)
            {
                return false;
            }
        }

        return true;
    }

    public void Attached(EndpointSpec spec, EndpointAddress? superseded = null)
    {
        if (superseded is { } gone)
        {
            _endpoints.Remove(gone);
        }

        var address = new EndpointAddress(spec.Origin, spec.Key);
        var held = model.Endpoints.Find(address)?.Spec;
        FuzzFailure.Unless(held is not null && held.HasSameContent(spec)
            && held.Stamp >= spec.Stamp, $"{spec.Key} was accepted, but the model holds {held}");
        if (_endpoints.TryGetValue(address, out var before) && ReferenceEquals(before, held))
        {
            return;
        }

        _endpoints[address] = held!;
        _tombstones.Remove(address);
    }

    /// <returns>Whether an endpoint was removed.</returns>
    public bool Detached(EndpointAddress address, RequestStamp stamp)
    {
        var existing = _endpoints.GetValueOrDefault(address);
        var ordered = stamp != default;
        if (existing is not null && ordered && existing.Stamp > stamp)
        {
            return false;
        }

        _endpoints.Remove(address);
        var covered = address.Origin == ApiOrigin.Offload && stamp.Sequence < _lastSync;
        if (ordered && !covered && !(_tombstones.TryGetValue(address, out var gone) && gone.Stamp >= stamp))
        {
            _tombstones[address] = new Tombstone(address, "node-1", stamp);
        }

        return existing is not null;
    }

    /// <summary>
    /// The result of a Sync depends on the order of its items and is hard to predict. This checks its invariants and takes the state from
    /// the model.
    /// </summary>
    public void Synced(SyncIntent sync, SyncOutcome outcome)
    {
        var failed = outcome.Failures.Where(f => f.Key is not null).Select(f => f.Key!.Value).ToHashSet();
        var listed = sync.Attachments.GroupBy(a => a.Key).ToDictionary(g => g.Key, g => g.First());
        var count = sync.Attachments.Count + sync.Unreadable.Count;
        FuzzFailure.Unless(outcome.Kept + outcome.Added + outcome.Failures.Count == count, $"{count} listed: {outcome}");
        FuzzFailure.Unless(outcome.Failures.Select(f => f.Index).Distinct().Count() == outcome.Failures.Count, "an item failed twice");
        foreach (var (address, spec) in _endpoints)
        {
            var isInScope = address.Origin == ApiOrigin.Offload && spec.Stamp <= sync.Stamp;
            var now = model.Endpoints.Find(address)?.Spec;
            if (!isInScope)
            {
                FuzzFailure.Unless(ReferenceEquals(now, spec), $"the Sync does not concern {address}, but it changed from {spec} to {now}");
            }
            else if (failed.Contains(address.Key))
            {
                FuzzFailure.Unless(ReferenceEquals(now, spec), $"{address} failed, but {spec} became {now}");
            }
            else if (!listed.ContainsKey(address.Key))
            {
                FuzzFailure.Unless(now is null, $"{address} was not listed but still exists");
            }
        }

        foreach (var (key, spec) in listed.Where(l => !failed.Contains(l.Key)))
        {
            var now = model.Endpoints.Find(new EndpointAddress(ApiOrigin.Offload, key))?.Spec;
            FuzzFailure.Unless(now is not null
                && (now.HasSameContent(spec) || now.Stamp > sync.Stamp), $"{key} was listed, but the model holds {now}");
        }

        FuzzFailure.Unless(model.Endpoints.Values.All(e => _endpoints.ContainsKey(e.Address) || listed.ContainsKey(e.Key)),
            "an endpoint exists that was never attached");
        _endpoints.Clear();
        foreach (var endpoint in model.Endpoints.Values)
        {
            _endpoints.Add(endpoint.Address, endpoint.Spec);
        }

        _tombstones = model.Tombstones.Values.ToDictionary(t => t.Address);
        _lastSync = sync.Sequence;
    }

    public void Began(ulong epoch, int held)
    {
        FuzzFailure.Unless(epoch == _epoch + 1, $"{epoch} follows {_epoch}");
        FuzzFailure.Unless(held == _endpoints.Count(e => e.Key.Origin == ApiOrigin.Offload), "Begin did not report all attachments");
        (_epoch, _lastSync) = (epoch, 0);
        _tombstones.Clear();
    }

    /// <summary>Checks that the model holds exactly this, with every MAC, port and address used once.</summary>
    /// <param name="changed">Whether something may have changed; otherwise only checks that nothing did.</param>
    public void Compare(bool changed)
    {
        FuzzFailure.Unless(model.Endpoints.Count == _endpoints.Count, $"{model.Endpoints.Count} endpoints, not {_endpoints.Count}");
        FuzzFailure.Unless(model.Tombstones.Count == _tombstones.Count, "tombstones differ");
        FuzzFailure.Unless(model.Agents.Of("node-1") is var agent && agent.Epoch == _epoch
            && agent.Sequence == _lastSync, $"the model's agent is {agent}, expected {_epoch}.{_lastSync}");
        FuzzFailure.Unless(model.Endpoints.Values.All(e => e.Spec.Epoch <= _epoch), "a stamp of an epoch that was never issued");
        if (!changed)
        {
            foreach (var endpoint in model.Endpoints.Values)
            {
                if (!ReferenceEquals(_endpoints.GetValueOrDefault(endpoint.Address), endpoint.Spec))
                {
                    throw new FuzzFailure($"a rejected request changed {endpoint.Address}");
                }
            }

            return;
        }

        var seen = new HashSet<object>(_endpoints.Count * 3);
        foreach (var endpoint in model.Endpoints.Values)
        {
            var spec = endpoint.Spec;
            FuzzFailure.Unless(ReferenceEquals(_endpoints.GetValueOrDefault(endpoint.Address),
                spec), $"{endpoint.Address} is {spec}, not {_endpoints.GetValueOrDefault(endpoint.Address)}");
            FuzzFailure.Unless(seen.Add(spec.Mac) && seen.Add(spec.PortName)
                && spec.Addresses.All(a => seen.Add(a)), $"{endpoint.Address} shares a MAC, port or address with another endpoint");
            FuzzFailure.Unless(IsValid(spec), $"{endpoint.Address} breaks the rules: {spec}");
        }

        CompareHostPorts();
        FuzzFailure.Unless(model.Tombstones.Values.All(t => _tombstones.GetValueOrDefault(t.Address) == t), "tombstones differ");
    }

    /// <summary>Checks that the pods' host ports on the node's address lead to the pods, and that there are no other host ports.</summary>
    private void CompareHostPorts()
    {
        var expected = _endpoints.Values.SelectMany(spec => spec.HostPorts
                .Where(p => $"{p.Address}" is "" or "0.0.0.0" or NodeAddress).OrderBy(p => $"{p.Address}" != NodeAddress)
                .DistinctBy(p => (p.Protocol, p.Port)).Select(p => $"{(int)p.Protocol} {p.Port} > {spec.Addresses[0]}:{p.PodPort}"))
            .Order(StringComparer.Ordinal);
        var held = model.Services.Values.Where(s => s.Key.Namespace == "hostPort").SelectMany(s => s.Spec.Ports)
            .SelectMany(p => p.Frontends.Select(f => $"{(int)p.Protocol} {f.Port} > {p.Backends.Single().Key}"))
            .Order(StringComparer.Ordinal);
        FuzzFailure.Unless(expected.SequenceEqual(held), $"host ports [{string.Join(", ", held)}], not [{string.Join(", ", expected)}]");
    }

    public static bool IsValid(EndpointSpec spec) =>
        PlainRules.IsKey(spec.Key.Network, spec.Key.ContainerId, spec.Key.InterfaceName) && PlainRules.IsPort(spec.PortName)
            && PlainRules.IsMac(spec.Mac.ToArray())
        && PlainRules.IsMtu((uint)spec.Mtu)
        && PlainRules.AreAddresses([.. spec.Addresses.Select((IPAddress a) => a.GetAddressBytes())], spec.Kind == EndpointKind.Host)
        && PlainRules.IsText(spec.PodNamespace, 256, true) && PlainRules.IsText(spec.PodName, 256, true)
        && PlainRules.IsText(spec.PodUid, 256, true)
        && (spec.HostPorts.Count == 0 || (spec.Kind == EndpointKind.Pod && PlainRules.FitTogether(spec.HostPorts)));
}

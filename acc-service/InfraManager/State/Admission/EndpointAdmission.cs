using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.Protos;

namespace ACCOffload.InfraManager.State.Admission;

/// <summary>
/// Decides intents about endpoints one at a time. Each either changes the model completely as requested, or throws and leaves it unchanged.
/// </summary>
internal sealed partial class EndpointAdmission(NetworkModel model, NodeSettings node)
{
    private readonly EffectiveNode _effective = new(node);

    /// <summary>Lends the pool ports.</summary>
    public PortPool Pool { get; } = new(model, node);

    /// <exception cref="IntentException">Refused; the model is unchanged.</exception>
    public Endpoint Attach(EndpointSpec spec, AdmissionContext context)
    {
        var existing = model.Endpoints.Find(new EndpointAddress(spec.Origin, spec.Key));
        CheckNode(existing?.Spec.Node, spec.Node);
        spec = Pool.Keep(spec, existing);
        var same = existing is not null && IsUnchanged(spec, existing);
        if (!spec.Stamp.IsUnordered)
        {
            CheckEpoch(spec.Node, spec.Origin, spec.Epoch);
            if (!same)
            {
                CheckNotStale(spec, existing);
            }
        }

        if (same && context.AddsRefused is null)
        {
            // A newer repetition must outlive an older Sync, so its stamp is recorded.
            if (spec.Stamp <= existing!.Spec.Stamp)
            {
                context.Changed(OwnerId.OfEndpoint(existing.Id), existing.Key);
                return existing;
            }
        }

        return Apply(Pool.Lend(spec), existing, context);
    }

    /// <returns>Whether there was an endpoint to remove.</returns>
    /// <exception cref="IntentException">The endpoint belongs to another node, or the epoch is not the current one; the model is
    /// unchanged.</exception>
    public bool Detach(DetachIntent intent)
    {
        var address = new EndpointAddress(intent.Origin, intent.Key);
        var existing = model.Endpoints.Find(address);
        CheckNode(existing?.Spec.Node, intent.Node);
        if (!intent.Stamp.IsUnordered)
        {
            CheckEpoch(intent.Node, intent.Origin, intent.Epoch);
        }

        if (existing is not null && existing.Spec.Stamp > intent.Stamp && !intent.Stamp.IsUnordered)
        {
            return false;
        }

        if (existing is not null)
        {
            Remove(existing);
        }

        if (!intent.Stamp.IsUnordered && !(model.Tombstones.Find(address)?.Stamp >= intent.Stamp) && !IsBehindFloor(intent))
        {
            model.Tombstones.Put(new Tombstone(address, intent.Node, intent.Stamp));
        }

        return existing is not null;
    }

    /// <summary>
    /// Assigns the node's next epoch. Requests of earlier epochs are refused from now on, so nothing about them has to be remembered.
    /// </summary>
    /// <exception cref="IntentException">The epochs are used up; the model is unchanged.</exception>
    public BeginOutcome Begin(BeginIntent intent)
    {
        var before = model.Agents.Of(intent.Node);
        if (before.Epoch == ulong.MaxValue)
        {
            throw new IntentException(IntentError.ResourceExhausted, "no epoch is left; restart with inframanager ctl host-reset", "epoch");
        }

        model.Agents.Set(intent.Node, new AgentState(before.Epoch + 1, 0, intent.Agent));
        RemoveTombstones(intent.Node, _ => true);
        return new BeginOutcome(before.Epoch + 1, before.Name,
            [.. FromHost(intent.Node).Where(e => e.Spec.Origin == ApiOrigin.Offload).Select(e => e.Spec)]);
    }

    /// <summary>Removes endpoints for the operator, regardless of stamps.</summary>
    public RemovalOutcome Remove(RemoveEndpointsIntent intent)
    {
        List<Endpoint> gone = [.. model.Endpoints.Values.Where(e => e.Spec.Origin != ApiOrigin.Configuration && intent.Matches(e.Spec))];
        gone.ForEach(Remove);
        return new RemovalOutcome([.. gone.Select(e => e.Spec)]);
    }

    /// <summary>
    /// Forgets everything that a node's host requested. The current epoch ends and no new one is assigned, so the agent has to begin again.
    /// </summary>
    public RemovalOutcome Reset(ResetHostIntent intent)
    {
        List<Endpoint> gone = [.. FromHost(intent.Node)];
        gone.ForEach(Remove);
        RemoveTombstones(intent.Node, _ => true);
        var last = model.Agents.Of(intent.Node).Epoch;
        // Nothing with an older epoch is left, so an absurdly large one can be reset.
        model.Agents.Set(intent.Node, new AgentState(last > long.MaxValue ? 1 : last + 1, 0, ""));
        return new RemovalOutcome([.. gone.Select(e => e.Spec)]);
    }

    private static void CheckNode(string? holder, string caller)
    {
        if (holder is not null && holder != caller)
        {
            throw new IntentException(IntentError.PermissionDenied, "the attachment belongs to another node", "key");
        }
    }

    private Endpoint Apply(EndpointSpec spec, Endpoint? existing, AdmissionContext context)
    {
        var superseded = SupersededBy(spec, existing);
        CheckFree(spec, existing, superseded);
        if (existing?.Spec.HostPorts != spec.HostPorts)
        {
            CheckNoServiceHas(spec);
        }

        CheckRoom(spec, existing is null && superseded is null, existing, superseded);
        if (context.AddsRefused is { } refused)
        {
            throw refused;
        }

        CheckPortIsKnown(spec, superseded is { OwnsPort: true } ? superseded : existing, context);
        if (superseded is not null)
        {
            Remove(superseded);
        }

        var endpoint = new Endpoint(
            existing?.Id ?? model.Endpoints.NextId(), spec, OwnsPort(spec, existing, context), existing?.Pointer ?? 0);
        model.Endpoints.Put(endpoint);
        if (existing is { OwnsPort: true } && model.Endpoints.HolderOfPort(existing.Spec.PortName) is null)
        {
            model.PortRemovals.Add(existing.Spec.PortName);
        }

        model.PortRemovals.Remove(spec.PortName);
        model.Tombstones.Remove(endpoint.Address);
        context.Changed(OwnerId.OfEndpoint(endpoint.Id), endpoint.Key);
        return endpoint;
    }

    /// <summary>Whether the endpoint is unchanged. A placeholder port name always needs a pool port first.</summary>
    private bool IsUnchanged(EndpointSpec spec, Endpoint existing) =>
        existing.Spec.HasSameContent(spec) && !node.Devices.NeedsPoolPort(spec);

    // If it is not known whether the port existed before, only a former holder, the pool or a pending removal tells whose it is.
    private void CheckPortIsKnown(EndpointSpec spec, Endpoint? former, AdmissionContext context)
    {
        if (former?.Spec.PortName != spec.PortName && !node.Devices.Pool.Contains(spec.PortName)
            && !model.PortRemovals.ContainsKey(spec.PortName) && context.ProblemOfPort(spec.PortName) is { } problem)
        {
            throw problem;
        }
    }

    private bool OwnsPort(EndpointSpec spec, Endpoint? existing, AdmissionContext context) =>
        existing is not null && existing.Spec.PortName == spec.PortName
            ? existing.OwnsPort
            : !node.Devices.Pool.Contains(spec.PortName)
                && (model.PortRemovals.ContainsKey(spec.PortName) || !context.IsForeignPort(spec.PortName));

    /// <summary>
    /// A 24.01 agent does not report a DEL whose namespace is gone. If it gives the device to the next pod, the old attachment must be
    /// over. Where port numbers derive from MAC addresses, an endpoint that was taken over from a 24.01 manager may lack the device's name:
    /// that manager does not store it.
    /// </summary>
    private Endpoint? SupersededBy(EndpointSpec spec, Endpoint? self)
    {
        if (spec is not { Origin: ApiOrigin.InfraAgent, Kind: EndpointKind.Pod })
        {
            return null;
        }

        var holder = model.Endpoints.HolderOfPort(spec.PortName)
            ?? (node.Devices.PortRule == PortRule.Mac ? model.Endpoints.OtherHolderOf(spec.Mac, self?.Id ?? 0, 0) : null);
        return holder is { Spec: { Origin: ApiOrigin.InfraAgent, Kind: EndpointKind.Pod } } && holder.Id != self?.Id
            && holder.Spec.Node == spec.Node
                ? holder
                : null;
    }

    private void Remove(Endpoint endpoint)
    {
        model.Endpoints.Remove(endpoint);
        if (endpoint.OwnsPort && model.Endpoints.HolderOfPort(endpoint.Spec.PortName) is null)
        {
            model.PortRemovals.Add(endpoint.Spec.PortName);
        }
    }

    /// <summary>The endpoints that a node's host requested, through either API.</summary>
    private IEnumerable<Endpoint> FromHost(string nodeName) =>
        model.Endpoints.Values.Where(e => e.Spec.Node == nodeName && e.Spec.Origin != ApiOrigin.Configuration);

    private void RemoveTombstones(string nodeName, Func<Tombstone, bool> which)
    {
        List<EndpointAddress> covered = [.. model.Tombstones.Values
            .Where(t => t.Address.Origin == ApiOrigin.Offload && t.Node == nodeName && which(t)).Select(t => t.Address)];
        covered.ForEach(model.Tombstones.Remove);
    }

    private void CheckEpoch(string nodeName, ApiOrigin origin, ulong epoch)
    {
        var agent = model.Agents.Of(nodeName);
        if (origin != ApiOrigin.Offload || epoch == agent.Epoch)
        {
            return;
        }

        throw IntentException.Stale("epoch", epoch < agent.Epoch
            ? $"{epoch} has ended, the current epoch is {agent.Epoch}{(agent.Name.Length > 0 ? $" (agent {agent.Name})" : "")}; call "
                + "Begin for a new one"
            : $"{epoch} was never assigned; call Begin to get one (an agent that does not is older than this ACC: update host-stub)");
    }

    private void CheckNotStale(EndpointSpec spec, Endpoint? existing)
    {
        if (existing is not null && existing.Spec.Stamp > spec.Stamp)
        {
            throw IntentException.Stale("sequence", $"a newer request ({existing.Spec.Stamp}) set this attachment");
        }

        if (spec.Origin == ApiOrigin.Offload && model.Agents.Of(spec.Node).Floor is var floor && spec.Stamp < floor)
        {
            throw IntentException.Stale("sequence", $"{spec.Stamp} is older than the last Sync {floor}");
        }

        if (model.Tombstones.Find(new EndpointAddress(spec.Origin, spec.Key)) is { } gone && gone.Stamp > spec.Stamp)
        {
            throw IntentException.Stale("sequence", $"a newer request ({gone.Stamp}) removed this attachment");
        }
    }

    private bool IsBehindFloor(DetachIntent intent) =>
        intent.Origin == ApiOrigin.Offload && model.Agents.Of(intent.Node).Floor > intent.Stamp;

    /// <summary>Checks that no other endpoint has the MAC, port, address or role that this one asks for.</summary>
    private void CheckFree(EndpointSpec spec, Endpoint? existing, Endpoint? superseded)
    {
        long self = existing?.Id ?? 0, other = superseded?.Id ?? 0;
        if (model.Endpoints.OtherHolderOf(spec.Mac, self, other) is { } sameMac && !spec.SharesMacWith(sameMac.Spec))
        {
            throw IntentException.AlreadyExists("device.mac", $"{spec.Mac} belongs to another endpoint");
        }

        if (model.Endpoints.OtherHolderOfPort(spec.PortName, self, other) is { } samePort && !spec.SharesPortWith(samePort.Spec))
        {
            throw IntentException.AlreadyExists("device.port_name", $"{spec.PortName} belongs to another endpoint");
        }

        var number = VportNumbers.PortOf(spec.Mac);
        if (node.Devices.PortRule == PortRule.Mac && model.Endpoints.OtherHolderOfNumber(number, self, other) is { } sameNumber
            && !spec.SharesMacWith(sameNumber.Spec))
        {
            throw IntentException.AlreadyExists(
                "device.mac", $"{spec.Mac} maps to port {number}, and so does {sameNumber.Spec.Mac} of another endpoint");
        }

        if (node.OwnPorts.Contains(number))
        {
            throw IntentException.AlreadyExists("device.mac", $"{spec.Mac} maps to port {number}, which the ACC uses itself");
        }

        for (var i = 0; i < spec.Addresses.Count; i++)
        {
            var address = spec.Addresses[i];
            if (IsTaken(model.Endpoints.HolderOf(address)))
            {
                throw IntentException.AlreadyExists($"addresses[{i}]", $"{address} belongs to another endpoint");
            }
        }

        for (var i = 0; i < spec.HostPorts.Count; i++)
        {
            if (model.Endpoints.OtherHolderOf(spec.HostPorts[i], self, other) is { } taker)
            {
                throw IntentException.AlreadyExists(
                    $"host_ports[{i}]", $"{spec.HostPorts[i]} is already a host port of {taker.Spec.PodText}");
            }
        }

        if (spec.Kind == EndpointKind.Host && IsTaken(model.Endpoints.Host))
        {
            throw IntentException.AlreadyExists("kind", "the node already has a host interface");
        }

        bool IsTaken(Endpoint? holder) => holder is not null && holder.Id != self && holder.Id != other;
    }

    /// <summary>
    /// Checks that no service has a host port at an address of the node, such as a node port. Only a new request is checked: a service that
    /// comes later takes the port, and the pod keeps its connectivity.
    /// </summary>
    private void CheckNoServiceHas(EndpointSpec spec)
    {
        foreach (var (index, key) in HostPortService.Frontends(spec, _effective.Of(model)))
        {
            if (model.Services.LiveHolderOf(key) is { } holder && !HostPortService.Is(holder.Key))
            {
                throw IntentException.AlreadyExists($"host_ports[{index}]", $"{key} belongs to service {holder.Key}");
            }
        }
    }

    /// <summary>Checks the limits for one more port in use, for the host ports, and for one more endpoint if it is new.</summary>
    private void CheckRoom(EndpointSpec spec, bool isNew, params ReadOnlySpan<Endpoint?> replaced)
    {
        if (isNew && model.Endpoints.CountOf(spec.Node, spec.Origin) >= ProtocolLimits.MaxAttachments)
        {
            throw new IntentException(
                IntentError.ResourceExhausted, $"the node already has the maximum of {ProtocolLimits.MaxAttachments} attachments", "key");
        }

        var hostPorts = model.Endpoints.HostPortCount + spec.HostPorts.Count;
        foreach (var endpoint in replaced)
        {
            hostPorts -= endpoint?.Spec.HostPorts.Count ?? 0;
        }

        if (spec.HostPorts.Count > 0 && hostPorts > ProtocolLimits.MaxNodeHostPorts)
        {
            throw new IntentException(
                IntentError.ResourceExhausted,
                $"the node would have {hostPorts} host ports, more than the maximum of {ProtocolLimits.MaxNodeHostPorts}", "host_ports");
        }

        if (node.Devices.MaxPorts is > 0 and var max && model.Endpoints.HolderOfPort(spec.PortName) is null
            && model.Endpoints.CountPorts(replaced) >= max)
        {
            throw new IntentException(
                IntentError.ResourceExhausted, $"all {max} ports are in use (Devices:MaxPorts in the ACC's configuration)", "device");
        }
    }
}

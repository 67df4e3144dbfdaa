using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.Protos;

namespace ACCOffload.InfraManager.State.Admission;

/// <summary>
/// Decides intents against the model, one after the other: each either changes it as asked, wholly, or throws and leaves it as it was.
/// </summary>
internal sealed partial class EndpointAdmission(NetworkModel model, NodeSettings node)
{
    /// <summary>The ports that are lent.</summary>
    public PortPool Pool { get; } = new(model, node);

    /// <exception cref="IntentException">Refused; the model is unchanged.</exception>
    public Endpoint Attach(EndpointSpec spec, AdmissionContext context)
    {
        var existing = model.Endpoints.Find(new EndpointAddress(spec.Origin, spec.Key));
        CheckNode(existing?.Spec.Node, spec.Node);
        spec = Pool.Keep(spec, existing);
        var same = existing is not null && IsAsHeld(spec, existing);
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
            // A repeat that is newer must outlive an older Sync, so its stamp counts.
            if (spec.Stamp <= existing!.Spec.Stamp)
            {
                context.Changed(OwnerId.OfEndpoint(existing.Id), existing.Key);
                return existing;
            }
        }

        return Apply(Pool.Lend(spec), existing, context);
    }

    /// <returns>False when there was nothing to remove.</returns>
    /// <exception cref="IntentException">Another node's; the model is unchanged.</exception>
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
    /// Hands out the node's next epoch. What an earlier one still sends is refused from now on, so nothing of it has to be remembered.
    /// </summary>
    /// <exception cref="IntentException">There is no next one; the model is unchanged.</exception>
    public BeginOutcome Begin(BeginIntent intent)
    {
        var before = model.Agents.Of(intent.Node);
        if (before.Epoch == ulong.MaxValue)
        {
            throw new IntentException(IntentError.ResourceExhausted, "all are used up; inframanager ctl host-reset starts over", "epoch");
        }

        model.Agents.Set(intent.Node, new AgentState(before.Epoch + 1, 0, intent.Agent));
        RemoveTombstones(intent.Node, _ => true);
        return new BeginOutcome(before.Epoch + 1, before.Name,
            [.. Told(intent.Node).Where(e => e.Spec.Origin == ApiOrigin.Offload).Select(e => e.Spec)]);
    }

    /// <summary>The operator's removal: nothing that a host sent can stand against it.</summary>
    public RemovalOutcome Remove(RemoveEndpointsIntent intent)
    {
        List<Endpoint> gone = [.. model.Endpoints.Values.Where(e => e.Spec.Origin != ApiOrigin.Configuration && intent.Matches(e.Spec))];
        gone.ForEach(Remove);
        return new RemovalOutcome([.. gone.Select(e => e.Spec)]);
    }

    /// <summary>
    /// Forgets all that a node's host told. The epoch ends and none is handed out in its place, so the agent has to begin again.
    /// </summary>
    public RemovalOutcome Reset(ResetHostIntent intent)
    {
        List<Endpoint> gone = [.. Told(intent.Node)];
        gone.ForEach(Remove);
        RemoveTombstones(intent.Node, _ => true);
        var last = model.Agents.Of(intent.Node).Epoch;
        // Nothing with an older number is left, so an absurd one need not be exceeded.
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
        var over = EndedBy(spec, existing);
        CheckFree(spec, existing, over);
        CheckRoom(spec, existing is null && over is null, existing, over);
        if (context.AddsRefused is { } refused)
        {
            throw refused;
        }

        if (over is not null)
        {
            Remove(over);
        }

        var endpoint = new Endpoint(existing?.Id ?? model.Endpoints.NextId(), spec, OwnsPort(spec, existing, context));
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

    /// <summary>
    /// Whether the model holds it as the request has it. A name that is made up where a port is to be lent is of no use to either.
    /// </summary>
    private bool IsAsHeld(EndpointSpec spec, Endpoint existing) => existing.Spec.SameContent(spec) && !node.Devices.IsLentTo(spec);

    private bool OwnsPort(EndpointSpec spec, Endpoint? existing, AdmissionContext context) =>
        existing is not null && existing.Spec.PortName == spec.PortName
            ? existing.OwnsPort
            : !node.Devices.Pool.Contains(spec.PortName)
                && (model.PortRemovals.ContainsKey(spec.PortName) || !context.IsForeignPort(spec.PortName));

    /// <summary>
    /// A 24.01 agent doesn't tell its manager of a DEL whose namespace is gone. When it gives that device to the next pod, the old
    /// attachment has proved to be over.
    /// </summary>
    private Endpoint? EndedBy(EndpointSpec spec, Endpoint? self) =>
        spec is { Origin: ApiOrigin.InfraAgent, Kind: EndpointKind.Pod } && model.Endpoints.HolderOfPort(spec.PortName) is { } holder
            && holder.Id != self?.Id
        && holder.Spec is { Origin: ApiOrigin.InfraAgent, Kind: EndpointKind.Pod } && holder.Spec.Node == spec.Node
            ? holder
            : null;

    private void Remove(Endpoint endpoint)
    {
        model.Endpoints.Remove(endpoint);
        if (endpoint.OwnsPort && model.Endpoints.HolderOfPort(endpoint.Spec.PortName) is null)
        {
            model.PortRemovals.Add(endpoint.Spec.PortName);
        }
    }

    /// <summary>What a node's host told, through either API.</summary>
    private IEnumerable<Endpoint> Told(string nodeName) =>
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
            ? $"{epoch} is over, the current one is {agent.Epoch}{(agent.Name.Length > 0 ? $" of agent {agent.Name}" : "")}; call Begin "
                + "for a new one"
            : $"{epoch} was not handed out; call Begin for one (an agent that does not is older than this ACC: update host-stub)");
    }

    private void CheckNotStale(EndpointSpec spec, Endpoint? existing)
    {
        if (existing is not null && existing.Spec.Stamp > spec.Stamp)
        {
            throw IntentException.Stale("sequence", $"a newer request ({existing.Spec.Stamp}) already set this attachment");
        }

        if (spec.Origin == ApiOrigin.Offload && model.Agents.Of(spec.Node).Floor is var floor && spec.Stamp < floor)
        {
            throw IntentException.Stale("sequence", $"older than the Sync {floor}");
        }

        if (model.Tombstones.Find(new EndpointAddress(spec.Origin, spec.Key)) is { } gone && gone.Stamp > spec.Stamp)
        {
            throw IntentException.Stale("sequence", $"a newer request ({gone.Stamp}) already removed this attachment");
        }
    }

    private bool IsBehindFloor(DetachIntent intent) =>
        intent.Origin == ApiOrigin.Offload && model.Agents.Of(intent.Node).Floor > intent.Stamp;

    /// <summary>Whether nobody else holds what the endpoint is to have.</summary>
    private void CheckFree(EndpointSpec spec, Endpoint? existing, Endpoint? over)
    {
        long self = existing?.Id ?? 0, other = over?.Id ?? 0;
        if (model.Endpoints.OtherHolderOf(spec.Mac, self, other) is { } sameMac && !spec.SharesMacWith(sameMac.Spec))
        {
            throw IntentException.Held("device.mac", $"{spec.Mac} belongs to another endpoint");
        }

        if (model.Endpoints.OtherHolderOfPort(spec.PortName, self, other) is { } samePort && !spec.SharesPortWith(samePort.Spec))
        {
            throw IntentException.Held("device.port_name", $"{spec.PortName} belongs to another endpoint");
        }

        var number = VportNumbers.PortOf(spec.Mac);
        if (node.Devices.PortRule == PortRule.Mac && model.Endpoints.OtherHolderOfNumber(number, self, other) is { } sameNumber
            && !spec.SharesMacWith(sameNumber.Spec))
        {
            throw IntentException.Held(
                "device.mac", $"{spec.Mac} stands for port {number}, which {sameNumber.Spec.Mac} of another endpoint stands for, too");
        }

        if (node.OwnPorts.Contains(number))
        {
            throw IntentException.Held("device.mac", $"{spec.Mac} stands for port {number}, which is the ACC's own");
        }

        for (var i = 0; i < spec.Addresses.Count; i++)
        {
            var address = spec.Addresses[i];
            if (Held(model.Endpoints.HolderOf(address)))
            {
                throw IntentException.Held($"addresses[{i}]", $"{address} belongs to another endpoint");
            }
        }

        if (spec.Kind == EndpointKind.Host && Held(model.Endpoints.Host))
        {
            throw IntentException.Held("kind", "the node already has a host interface");
        }

        bool Held(Endpoint? holder) => holder is not null && holder.Id != self && holder.Id != other;
    }

    /// <summary>Whether one more port, and one more endpoint if it is a new one, may be in use.</summary>
    private void CheckRoom(EndpointSpec spec, bool isNew, params ReadOnlySpan<Endpoint?> replaced)
    {
        if (isNew && model.Endpoints.CountOf(spec.Node, spec.Origin) >= ProtocolLimits.MaxAttachments)
        {
            throw new IntentException(
                IntentError.ResourceExhausted, $"the node already has the maximum of {ProtocolLimits.MaxAttachments} attachments", "key");
        }

        if (node.Devices.MaxPorts is > 0 and var most && model.Endpoints.HolderOfPort(spec.PortName) is null
            && model.Endpoints.CountPorts(replaced) >= most)
        {
            throw new IntentException(
                IntentError.ResourceExhausted, $"{most} ports are in use, which is all that there may be (Devices:MaxPorts of the ACC's "
                    + "configuration)", "device");
        }
    }
}

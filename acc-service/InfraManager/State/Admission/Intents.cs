using System.Net;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.State.Admission;

/// <summary>A request to change the model. Immutable.</summary>
internal abstract record Intent
{
    /// <summary>The estimated memory in bytes that the intent uses while it is queued.</summary>
    public abstract int EstimatedBytes { get; }

    /// <summary>Whether it requires a reachable target whose ports pass packets.</summary>
    public virtual bool NeedsTarget => false;

    /// <summary>Whether a refusal of one attachment by the target fails only that attachment, not the whole intent.</summary>
    public virtual bool FailsByAttachment => false;

    /// <summary>Whether the caller is answered only after an attempt to remove ports that are no longer needed.</summary>
    public virtual bool RemovesPorts => false;

    /// <summary>The ports that it may start to use.</summary>
    public virtual IEnumerable<string> PortNames => [];
}

/// <summary>A request with a specific outcome type.</summary>
internal abstract record Intent<TOutcome> : Intent
{
    /// <summary>
    /// Checks everything that needs only the node's settings. Called once, before the intent is queued; later steps rely on it.
    /// </summary>
    /// <returns>The intent to admit, without anything that the pipeline cannot do.</returns>
    /// <exception cref="IntentException">Refused; usually INVALID_ARGUMENT with the field.</exception>
    public virtual Intent<TOutcome> Validate(NodeSettings node) => this;

    /// <summary>Decides the intent against the model. Called by <see cref="AdmissionControl"/> only.</summary>
    /// <exception cref="IntentException">Refused; the model is unchanged.</exception>
    public abstract TOutcome Admit(AdmissionControl admission, AdmissionContext context);

    /// <summary>Adds results that are known only after the target was programmed.</summary>
    public virtual TOutcome Complete(TOutcome outcome, Func<string, uint?> portOf) => outcome;
}

/// <summary>Creates, repeats or changes an attachment.</summary>
internal sealed record AttachIntent(EndpointSpec Spec) : Intent<AttachOutcome>
{
    public override int EstimatedBytes => Spec.EstimatedBytes;

    public override bool NeedsTarget => true;

    public override IEnumerable<string> PortNames => [Spec.PortName];

    public override Intent<AttachOutcome> Validate(NodeSettings node)
    {
        EndpointRules.Check(Spec, node);
        return this;
    }

    public override AttachOutcome Admit(AdmissionControl admission, AdmissionContext context) =>
        new(admission.Endpoints.Attach(Spec, context), null);

    public override AttachOutcome Complete(AttachOutcome outcome, Func<string, uint?> portOf) =>
        outcome with { Port = portOf(outcome.Endpoint.Spec.PortName) };
}

/// <summary>Removes an attachment if it exists and is not newer than the intent.</summary>
internal sealed record DetachIntent(string Node, ApiOrigin Origin, AttachmentKey Key, ulong Epoch, ulong Sequence) : Intent<DetachOutcome>
{
    public RequestStamp Stamp => new(Epoch, Sequence);

    public override int EstimatedBytes =>
        192 + (2 * (Node.Length + Key.Network.Length + Key.ContainerId.Length + Key.InterfaceName.Length));

    public override bool RemovesPorts => true;

    public override Intent<DetachOutcome> Validate(NodeSettings node)
    {
        EndpointRules.CheckKey(Key);
        return this;
    }

    public override DetachOutcome Admit(AdmissionControl admission, AdmissionContext context) => new(admission.Endpoints.Detach(this));
}

/// <summary>
/// All attachments that the node's agent has. Other endpoints of this node and the Offload API that are not newer than (<paramref
/// name="Epoch"/>, <paramref name="Sequence"/>) are removed.
/// </summary>
internal sealed record SyncIntent(string Node, ulong Epoch, ulong Sequence, IReadOnlyList<EndpointSpec> Attachments) : Intent<SyncOutcome>
{
    public RequestStamp Stamp => new(Epoch, Sequence);

    /// <summary>Items that could not be read. Each is reported as a failure, and an endpoint under its key is kept.</summary>
    public IReadOnlyList<SyncItemFailure> Unreadable { get; init; } = [];

    public override int EstimatedBytes => 192 + Attachments.Sum(a => a.EstimatedBytes) + (Unreadable.Count * 512);

    public override bool FailsByAttachment => true;

    public override bool RemovesPorts => true;

    public override IEnumerable<string> PortNames => Attachments.Select(a => a.PortName);

    /// <summary>Checks the list as a whole. Each attachment is checked when it is admitted, unless the model already has it.</summary>
    public override Intent<SyncOutcome> Validate(NodeSettings node)
    {
        EndpointRules.Check(this);
        return this;
    }

    public override SyncOutcome Admit(AdmissionControl admission, AdmissionContext context) => admission.Endpoints.Sync(this, context);
}

/// <summary>An agent starts, or has lost its epoch, and gets the next one.</summary>
/// <param name="Node">The agent's node.</param>
/// <param name="Agent">The name that the agent process uses for itself.</param>
internal sealed record BeginIntent(string Node, string Agent) : Intent<BeginOutcome>
{
    public override int EstimatedBytes => 192 + (2 * (Node.Length + Agent.Length));

    public override Intent<BeginOutcome> Validate(NodeSettings node)
    {
        EndpointRules.CheckAgentName(Agent);
        return this;
    }

    public override BeginOutcome Admit(AdmissionControl admission, AdmissionContext context) => admission.Endpoints.Begin(this);
}

/// <summary>The operator removes the endpoints that match all given criteria, whichever API created them.</summary>
internal sealed record RemoveEndpointsIntent : Intent<RemovalOutcome>
{
    public AttachmentKey? Key { get; init; }

    public IPAddress? Address { get; init; }

    public MacAddress? Mac { get; init; }

    public override int EstimatedBytes => 1024;

    public override bool RemovesPorts => true;

    public override Intent<RemovalOutcome> Validate(NodeSettings node)
    {
        if (this is { Key: null, Address: null, Mac: null })
        {
            throw IntentException.Invalid("key", "missing; give a key, an address or a MAC address");
        }

        if (Key is { } key)
        {
            EndpointRules.CheckKey(key);
        }

        return this;
    }

    public override RemovalOutcome Admit(AdmissionControl admission, AdmissionContext context) => admission.Endpoints.Remove(this);

    public bool Matches(EndpointSpec spec) =>
        (Key is not { } key || spec.Key == key) && (Address is null || spec.Addresses.Contains(Address))
            && (Mac is not { } mac || spec.Mac == mac);
}

/// <summary>The operator removes everything that the node's host requested, and ends its epoch.</summary>
internal sealed record ResetHostIntent(string Node) : Intent<RemovalOutcome>
{
    public override int EstimatedBytes => 192;

    public override bool RemovesPorts => true;

    public override RemovalOutcome Admit(AdmissionControl admission, AdmissionContext context) => admission.Endpoints.Reset(this);
}

/// <summary>Sets the complete desired state of a service, or removes the service.</summary>
/// <param name="Key">Which service.</param>
/// <param name="Spec">Null: the service is removed.</param>
internal sealed record ServiceIntent(ServiceKey Key, ServiceSpec? Spec) : Intent<ServiceOutcome>
{
    /// <summary>
    /// Set when the node's agent or an operator requests the service: it may then claim configured addresses only, and must be served in
    /// full. Null when the service comes from the cluster's API server.
    /// </summary>
    public ServiceClaim? Claim { get; init; }

    public override int EstimatedBytes => Spec?.EstimatedBytes ?? 128 + (2 * (Key.Namespace.Length + Key.Name.Length));

    public override Intent<ServiceOutcome> Validate(NodeSettings node)
    {
        if (Spec is not { } spec)
        {
            ServiceRules.CheckKey(Key);
            return this;
        }

        ServiceRules.Check(spec, node, Claim);
        if (node.Profile.Services is not { } package)
        {
            return this;
        }

        return this with { Spec = Claim is null ? package.Limit(spec) : package.Demand(spec) };
    }

    public override ServiceOutcome Admit(AdmissionControl admission, AdmissionContext context) => admission.Services.Set(this, context);
}

/// <summary>Ends drains that have reached the time limit. Submitted by the programmer itself.</summary>
internal sealed record EndDrainsIntent : Intent<ServiceOutcome>
{
    public override int EstimatedBytes => 128;

    public override ServiceOutcome Admit(AdmissionControl admission, AdmissionContext context)
    {
        admission.Services.EndOverdueDrains(context.Progress);
        return new ServiceOutcome(null);
    }
}

/// <summary>Changes the masquerading of traffic that leaves the cluster.</summary>
internal abstract record SnatIntent : Intent<SnatOutcome>
{
    public override int EstimatedBytes => 128;

    /// <summary>Whether it only removes something, which every pipeline supports.</summary>
    public abstract bool IsRemoval { get; }

    public abstract SnatState Apply(SnatState state);

    public override SnatOutcome Admit(AdmissionControl admission, AdmissionContext context) => admission.Services.Set(this, context);
}

/// <summary>Sets the source address for pod traffic; null: the source is kept.</summary>
internal sealed record SnatAddressIntent(IPAddress? Address) : SnatIntent
{
    /// <summary>The name of the address field in the request.</summary>
    public string Field { get; init; } = "address";

    public override bool IsRemoval => Address is null;

    public override Intent<SnatOutcome> Validate(NodeSettings node)
    {
        if (Address is { } address)
        {
            SnatRules.CheckAddress(address, node, Field);
        }

        return this;
    }

    public override SnatState Apply(SnatState state) => state with { Address = Address };
}

/// <summary>Adds or removes a prefix of destinations that see the pod's own address.</summary>
internal sealed record SnatPrefixIntent(IPNetwork Prefix, bool IsAdded) : SnatIntent
{
    public override bool IsRemoval => !IsAdded;

    public override Intent<SnatOutcome> Validate(NodeSettings node)
    {
        SnatRules.CheckPrefix(Prefix, IsAdded);
        return this;
    }

    public override SnatState Apply(SnatState state)
    {
        var others = state.Prefixes.Where(p => p != Prefix);
        return state with { Prefixes = [.. (IsAdded ? others.Append(Prefix) : others).OrderBy(p => p.ToString(), StringComparer.Ordinal)] };
    }
}

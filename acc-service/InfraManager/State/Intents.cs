using System.Net;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.State;

/// <summary>A wish to change the model, immutable, as the API posts it.</summary>
internal abstract record Intent
{
    /// <summary>What the intent costs in memory while it is queued, in bytes, roughly.</summary>
    public abstract int EstimatedBytes { get; }
}

/// <summary>Create, repeat or change an attachment.</summary>
internal sealed record AttachIntent(EndpointSpec Spec) : Intent
{
    public override int EstimatedBytes => Spec.EstimatedBytes;
}

/// <summary>Remove an attachment, if it is there and not newer than the intent.</summary>
internal sealed record DetachIntent(string Node, ApiOrigin Origin, AttachmentKey Key, ulong Epoch, ulong Sequence) : Intent
{
    public RequestStamp Stamp => new(Epoch, Sequence);

    public override int EstimatedBytes => 192 + (2 * (Node.Length + Key.Network.Length + Key.ContainerId.Length + Key.InterfaceName.Length));
}

/// <summary>
/// Every attachment that the node's agent has: what the model holds beyond the list, of this node and the Offload API, and not newer than
/// (<paramref name="Epoch"/>, <paramref name="Sequence"/>), goes.
/// </summary>
internal sealed record SyncIntent(string Node, ulong Epoch, ulong Sequence, IReadOnlyList<EndpointSpec> Attachments) : Intent
{
    public RequestStamp Stamp => new(Epoch, Sequence);

    /// <summary>Items that could not be read: each is a failure, and what is held under its key stays.</summary>
    public IReadOnlyList<SyncItemFailure> Unreadable { get; init; } = [];

    public override int EstimatedBytes => 192 + Attachments.Sum(a => a.EstimatedBytes) + (Unreadable.Count * 512);
}

/// <summary>An agent's process starts, or has lost its epoch: it gets the next one.</summary>
/// <param name="Node">The agent's node.</param>
/// <param name="Agent">The name that the process gives itself.</param>
internal sealed record BeginIntent(string Node, string Agent) : Intent
{
    public override int EstimatedBytes => 192 + (2 * (Node.Length + Agent.Length));
}

/// <summary>The operator removes the endpoints that match, whichever API they came through. What is not told matches all.</summary>
internal sealed record RemoveEndpointsIntent : Intent
{
    public AttachmentKey? Key { get; init; }

    public IPAddress? Address { get; init; }

    public MacAddress? Mac { get; init; }

    public override int EstimatedBytes => 1024;

    public bool Matches(EndpointSpec spec) =>
        (Key is not { } key || spec.Key == key) && (Address is null || spec.Addresses.Contains(Address)) && (Mac is not { } mac || spec.Mac == mac);
}

/// <summary>The operator forgets everything that the node's host told, and ends its epoch.</summary>
internal sealed record ResetHostIntent(string Node) : Intent
{
    public override int EstimatedBytes => 192;
}

/// <summary>What a service is from now on, as a whole, whatever it was before; or that it is no more.</summary>
/// <param name="Key">Which service.</param>
/// <param name="Spec">Null: removed.</param>
internal sealed record ServiceIntent(ServiceKey Key, ServiceSpec? Spec) : Intent
{
    public override int EstimatedBytes => Spec?.EstimatedBytes ?? 128 + (2 * (Key.Namespace.Length + Key.Name.Length));
}

/// <summary>Ends the backends that have drained for as long as they may. The programmer's own.</summary>
internal sealed record EndDrainsIntent : Intent
{
    public override int EstimatedBytes => 128;
}

/// <summary>A change of what is masqueraded on its way out of the cluster.</summary>
internal abstract record SnatIntent : Intent
{
    public override int EstimatedBytes => 128;

    public abstract SnatState Apply(SnatState state);
}

/// <summary>Sets the source that pods' traffic gets; null: it keeps its own.</summary>
internal sealed record SnatAddressIntent(IPAddress? Address) : SnatIntent
{
    public override SnatState Apply(SnatState state) => state with { Address = Address };
}

/// <summary>Adds or removes a prefix whose destinations see a pod's own address.</summary>
internal sealed record SnatPrefixIntent(IPNetwork Prefix, bool IsAdded) : SnatIntent
{
    public override SnatState Apply(SnatState state)
    {
        var others = state.Prefixes.Where(p => p != Prefix);
        return state with { Prefixes = [.. (IsAdded ? others.Append(Prefix) : others).OrderBy(p => p.ToString(), StringComparer.Ordinal)] };
    }
}

using System.Net;

namespace ACCOffload.InfraManager.Model;

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
/// Every attachment that the node's agent has in <paramref name="Networks"/>: what the model holds beyond the list, of this node, the
/// Offload API and those networks, and not newer than (<paramref name="Epoch"/>, <paramref name="Sequence"/>), goes.
/// </summary>
internal sealed record SyncIntent(
    string Node, ulong Epoch, ulong Sequence, IReadOnlyList<string> Networks, IReadOnlyList<EndpointSpec> Attachments) : Intent
{
    public RequestStamp Stamp => new(Epoch, Sequence);

    public override int EstimatedBytes => 192 + (2 * Networks.Sum(n => 16 + n.Length)) + Attachments.Sum(a => a.EstimatedBytes);
}

/// <summary>What a service is from now on, as a whole, whatever it was before; or that it is no more.</summary>
/// <param name="Key">Which service.</param>
/// <param name="Spec">Null: removed.</param>
internal sealed record ServiceIntent(ServiceKey Key, ServiceSpec? Spec) : Intent
{
    public override int EstimatedBytes => Spec?.EstimatedBytes ?? 128 + (2 * (Key.Namespace.Length + Key.Name.Length));
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

using System.Net;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Peers;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.State.Admission;

/// <summary>Decides what the cluster says about its other nodes, and what the uplink network says about neighbours.</summary>
internal sealed class PeerAdmission(NetworkModel model)
{
    /// <exception cref="IntentException">RESOURCE_EXHAUSTED: too many nodes; the model is unchanged.</exception>
    public PeerOutcome Set(RemoteNodesIntent intent)
    {
        var gone = intent.Names is { } names ? model.RemoteNodes.Keys.Where(n => !names.Contains(n)).ToList() : [];
        var added = intent.Changes.Count(c => c.Facts is not null && !model.RemoteNodes.ContainsKey(c.Name));
        var removed = gone.Count + intent.Changes.Count(c => c.Facts is null && model.RemoteNodes.ContainsKey(c.Name));
        if (model.RemoteNodes.Count + added - removed is var count and > RemoteNodeTable.MaxNodes)
        {
            throw new IntentException(
                IntentError.ResourceExhausted, $"the cluster has {count} other nodes; at most {RemoteNodeTable.MaxNodes} are supported");
        }

        foreach (var name in gone)
        {
            model.RemoteNodes.Remove(name);
        }

        foreach (var (name, facts) in intent.Changes)
        {
            model.RemoteNodes.Set(name, facts is null ? null : new RemoteNode(name, model.RemoteNodes.Find(name)?.Id ?? NextId(), facts));
        }

        return new PeerOutcome();
    }

    public PeerOutcome Set(NeighborsIntent intent)
    {
        foreach (var (address, mac) in intent.Changes)
        {
            var known = model.Neighbors.Find(address);
            if (mac is null && !intent.Kept.Contains(address))
            {
                model.Neighbors.Remove(address);
            }
            else if (known is not null || mac is not null)
            {
                model.Neighbors.Set(address, new Neighbor(address, known?.Id ?? NextId(), mac));
            }
        }

        if (intent.Addresses is { } addresses)
        {
            foreach (var lost in model.Neighbors.Values.Where(n => !addresses.Contains(n.Address)).ToList())
            {
                model.Neighbors.Set(lost.Address, intent.Kept.Contains(lost.Address) ? lost with { Mac = null } : null);
            }
        }

        return new PeerOutcome();
    }

    private uint NextId() => Math.Max(model.RemoteNodes.LastId, model.Neighbors.LastId) + 1;
}

/// <summary>The change is durable and programmed on the target.</summary>
internal sealed record PeerOutcome;

/// <summary>What the cluster says about other nodes.</summary>
/// <param name="Changes">Facts by name; null facts: the node is gone.</param>
internal sealed record RemoteNodesIntent(IReadOnlyList<(string Name, RemoteNodeFacts? Facts)> Changes) : Intent<PeerOutcome>
{
    /// <summary>The names of all other nodes, after a complete list: nodes not among them are removed. Null: others are kept.</summary>
    public IReadOnlySet<string>? Names { get; init; }

    public override int EstimatedBytes => 256 + (64 * (Names?.Count ?? 0)) + Changes.Sum(c =>
        128 + (2 * c.Name.Length) + (64 * ((c.Facts?.Addresses.Count ?? 0) + (c.Facts?.PodRanges.Count ?? 0))));

    public override PeerOutcome Admit(AdmissionControl admission, AdmissionContext context) => admission.Peers.Set(this);
}

/// <summary>Which neighbours the ACC's kernel has resolved.</summary>
/// <param name="Changes">MAC addresses by address; null: the neighbour does not answer.</param>
/// <param name="Kept">Next hops of routes and nodes: a row stays for these while they do not answer.</param>
internal sealed record NeighborsIntent(
    IReadOnlyList<(IPAddress Address, MacAddress? Mac)> Changes, IReadOnlySet<IPAddress> Kept) : Intent<PeerOutcome>
{
    /// <summary>All resolved neighbours, after a complete dump: others do not answer. Null: others are unchanged.</summary>
    public IReadOnlySet<IPAddress>? Addresses { get; init; }

    public override int EstimatedBytes => 256 + (96 * (Changes.Count + Kept.Count + (Addresses?.Count ?? 0)));

    public override PeerOutcome Admit(AdmissionControl admission, AdmissionContext context) => admission.Peers.Set(this);
}

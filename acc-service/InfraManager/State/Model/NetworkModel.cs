using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Peers;
using ACCOffload.InfraManager.State.Policy;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.State.Tables;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Model;

/// <summary>The desired state: all tables and one undo journal over them. Not thread-safe: only the programmer changes it.</summary>
internal sealed class NetworkModel
{
    private readonly StateJournal _journal = new();

    // The prefix length of the rows of remote nodes when their owners were last collected.
    private int _prefixLength;

    public NetworkModel()
    {
        Endpoints = new EndpointTable(_journal);
        Agents = new AgentTable(_journal);
        Tombstones = new TombstoneTable(_journal);
        Services = new ServiceTable(_journal);
        ServiceIds = new ServiceIdTable(_journal);
        Snat = new SnatTable(_journal);
        NodeFacts = new NodeFactsTable(_journal);
        PortRemovals = new PortRemovalTable(_journal);
        RemoteNodes = new RemoteNodeTable(_journal);
        Neighbors = new NeighborTable(_journal);
        PolicyObjects = new PolicyObjectTable(_journal);
        PolicySync = new PolicySyncTable(_journal);
        Tables =
        [
            Endpoints, Agents, Tombstones, Services, ServiceIds, Snat, NodeFacts, PortRemovals, RemoteNodes, Neighbors, PolicyObjects,
            PolicySync,
        ];
    }

    /// <summary>All tables, in load order.</summary>
    public IReadOnlyList<StateTable> Tables { get; }

    public EndpointTable Endpoints { get; }

    public AgentTable Agents { get; }

    public TombstoneTable Tombstones { get; }

    public ServiceTable Services { get; }

    public ServiceIdTable ServiceIds { get; }

    public SnatTable Snat { get; }

    public NodeFactsTable NodeFacts { get; }

    public PortRemovalTable PortRemovals { get; }

    public RemoteNodeTable RemoteNodes { get; }

    public NeighborTable Neighbors { get; }

    public PolicyObjectTable PolicyObjects { get; }

    public PolicySyncTable PolicySync { get; }

    /// <summary>Which policy sets apply to which endpoint. Not durable: follows from the policy objects.</summary>
    public PolicyBindings Policies { get; set; } = new();

    /// <summary>The value of the session affinity clock; 0 if it never ticked. Not durable: it is read back from the target.</summary>
    public uint AffinityTime { get; set; }

    /// <summary>The number of changes recorded since the last <see cref="Forget"/>.</summary>
    public int Mark => _journal.Mark;

    /// <summary>Whether there are changes that the store does not have yet.</summary>
    public bool HasUnsaved => Tables.Any(t => t.HasUnsaved);

    /// <summary>Undoes everything since the last <see cref="Forget"/>, newest first.</summary>
    public void Undo() => _journal.UndoTo(0);

    /// <summary>Undoes everything since a <see cref="Mark"/>, newest first.</summary>
    public void UndoTo(int mark) => _journal.UndoTo(mark);

    /// <summary>Drops the undo records and keeps the changes.</summary>
    public void Forget() => _journal.Forget();

    /// <summary>Adds the owners of the table entries affected by the changes since the last <see cref="Forget"/>.</summary>
    public void AddChangedOwners(ISet<OwnerId> owners)
    {
        foreach (var table in Tables)
        {
            table.AddChangedOwners(owners);
        }

        var factsChanged = NodeFacts.ChangesSince(0).Count > 0;
        // The node's addresses lead to the host's port.
        if (Endpoints.Host is { } host && factsChanged)
        {
            owners.Add(OwnerId.OfEndpoint(host.Id));
        }

        AddOwnersOfPaths(owners, factsChanged);
    }

    /// <summary>Adds the owners whose rows lead to a remote node or a neighbour that changed.</summary>
    private void AddOwnersOfPaths(ISet<OwnerId> owners, bool factsChanged)
    {
        var nodes = RemoteNodes.ChangesSince(0);
        foreach (var (name, old) in nodes)
        {
            owners.UnionWith(RemoteNodes.AffectedBy(old));
            owners.UnionWith(RemoteNodes.AffectedBy(RemoteNodes.Find(name)));
        }

        // A neighbour that only changed its MAC address, or was lost, keeps its next hop.
        var hops = Neighbors.ChangesSince(0).Where(c => c.Old?.Id != Neighbors.Find(c.Key)?.Id).ToList();
        if (nodes.Count == 0 && hops.Count == 0 && !factsChanged)
        {
            return;
        }

        // The ranges of all nodes' pods may have changed, and the routes to neighbours.
        owners.Add(OwnerId.Node);
        if (Endpoints.Uplink is { } uplink)
        {
            owners.Add(OwnerId.OfEndpoint(uplink.Id));
        }

        // The node's own address is the source of its tunnels. A router may be the next hop of any node.
        var all = factsChanged || RemoteNodes.PrefixLength != _prefixLength || hops.Any(h => !RemoteNodes.WithAddress(h.Key).Any());
        _prefixLength = RemoteNodes.PrefixLength;
        owners.UnionWith(all
            ? RemoteNodes.Values.Select(n => OwnerId.OfRemoteNode(n.Id))
            : hops.SelectMany(h => RemoteNodes.WithAddress(h.Key)).Select(n => OwnerId.OfRemoteNode(n.Id)));
    }
}

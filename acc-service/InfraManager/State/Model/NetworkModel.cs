using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.State.Tables;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Model;

/// <summary>The desired state: all tables and one undo journal over them. Not thread-safe: only the programmer changes it.</summary>
internal sealed class NetworkModel
{
    private readonly StateJournal _journal = new();

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
        Tables = [Endpoints, Agents, Tombstones, Services, ServiceIds, Snat, NodeFacts, PortRemovals];
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

    /// <summary>The value of the session affinity clock; 0 if it never ticked. Not durable: it is read back from the target.</summary>
    public uint AffinityTime { get; set; }

    /// <summary>The number of changes recorded since the last <see cref="Forget"/>.</summary>
    public int Mark => _journal.Mark;

    /// <summary>Whether there are changes that the store does not have yet.</summary>
    public bool HasUnsaved => Tables.Any(t => t.HasUnsaved);

    /// <summary>Undoes everything since the last <see cref="Forget"/>, newest first.</summary>
    public void Undo() => _journal.Undo();

    /// <summary>Drops the undo records and keeps the changes.</summary>
    public void Forget() => _journal.Forget();

    /// <summary>Adds the owners of the table entries affected by the changes since the last <see cref="Forget"/>.</summary>
    public void AddChangedOwners(ISet<OwnerId> owners)
    {
        foreach (var table in Tables)
        {
            table.AddChangedOwners(owners);
        }

        // The node's addresses lead to the host's port.
        if (Endpoints.Host is { } host && NodeFacts.ChangesSince(0).Count > 0)
        {
            owners.Add(OwnerId.OfEndpoint(host.Id));
        }
    }
}

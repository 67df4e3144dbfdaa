using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.State.Tables;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Model;

/// <summary>
/// The desired state: all tables, and one journal over them. Not thread-safe: the programmer alone changes it. Every change can be undone.
/// </summary>
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
        PortRemovals = new PortRemovalTable(_journal);
        Tables = [Endpoints, Agents, Tombstones, Services, ServiceIds, Snat, PortRemovals];
    }

    /// <summary>All of them, in the order in which they are loaded.</summary>
    public IReadOnlyList<StateTable> Tables { get; }

    public EndpointTable Endpoints { get; }

    public AgentTable Agents { get; }

    public TombstoneTable Tombstones { get; }

    public ServiceTable Services { get; }

    public ServiceIdTable ServiceIds { get; }

    public SnatTable Snat { get; }

    public PortRemovalTable PortRemovals { get; }

    /// <summary>How many changes were recorded since the last <see cref="Forget"/>.</summary>
    public int Mark => _journal.Mark;

    /// <summary>Whether the store lacks changes.</summary>
    public bool HasUnsaved => Tables.Any(t => t.HasUnsaved);

    /// <summary>Undoes everything since the last <see cref="Forget"/>, newest first.</summary>
    public void Undo() => _journal.Undo();

    /// <summary>Drops the records: what was changed stays.</summary>
    public void Forget() => _journal.Forget();

    /// <summary>The owners of the target's entries that follow from what changed since the last <see cref="Forget"/>.</summary>
    public void AddChangedOwners(ISet<OwnerId> owners)
    {
        foreach (var table in Tables)
        {
            table.AddChangedOwners(owners);
        }
    }
}

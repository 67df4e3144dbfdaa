using ACCOffload.InfraManager.State.Tables;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Endpoints;

/// <summary>Records that a request with this stamp removed an attachment, so that an older Attach that arrives late is refused.</summary>
internal sealed record Tombstone(EndpointAddress Address, string Node, RequestStamp Stamp);

/// <summary>The tombstones by endpoint. New ones displace the oldest.</summary>
internal sealed class TombstoneTable(StateJournal journal) : StateTable<EndpointAddress, Tombstone>(journal)
{
    /// <summary>Bounds the memory that a host can use by detaching endpoints that never existed.</summary>
    public const int MaxCount = 8192;

    // Entries of removed and of renewed tombstones remain until the next cleanup.
    private readonly Queue<(EndpointAddress Address, RequestStamp Stamp)> _order = new();

    public override string Name => "tombstones";

    public override IReadOnlyList<string> KeyColumns => ["origin", "network", "container_id", "interface_name"];

    public override IReadOnlyList<string> ValueColumns => ["node", "epoch", "sequence"];

    public override string LoadOrder => "rowid";

    public void Put(Tombstone tombstone)
    {
        Set(tombstone.Address, tombstone);
        while (Count > MaxCount && _order.TryDequeue(out var oldest))
        {
            if (IsCurrent(oldest))
            {
                Remove(oldest.Address);
            }
        }
    }

    protected override void OnReplaced(EndpointAddress key, Tombstone? old, Tombstone? value)
    {
        if (value is null || old?.Stamp == value.Stamp)
        {
            return;
        }

        _order.Enqueue((key, value.Stamp));
        if (_order.Count <= 2 * MaxCount)
        {
            return;
        }

        (EndpointAddress, RequestStamp)[] live = [.. _order.Distinct().Where(IsCurrent)];
        _order.Clear();
        foreach (var entry in live)
        {
            _order.Enqueue(entry);
        }
    }

    private bool IsCurrent((EndpointAddress Address, RequestStamp Stamp) entry) => Find(entry.Address)?.Stamp == entry.Stamp;

    protected override void WriteKey(RowWriter row, EndpointAddress key) =>
        row.Add((long)key.Origin).Add(key.Key.Network).Add(key.Key.ContainerId).Add(key.Key.InterfaceName);

    protected override void WriteValue(RowWriter row, Tombstone value) =>
        row.Add(value.Node).Add(value.Stamp.Epoch).Add(value.Stamp.Sequence);

    protected override (EndpointAddress Key, Tombstone Value) ReadRow(RowReader row)
    {
        var address = new EndpointAddress(row.Enum<ApiOrigin>(), new AttachmentKey(row.Text(), row.Text(), row.Text()));
        return (address, new Tombstone(address, row.Text(), new RequestStamp(row.UInt64(), row.UInt64())));
    }
}

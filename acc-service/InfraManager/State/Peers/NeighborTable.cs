using System.Net;
using ACCOffload.InfraManager.State.Tables;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.State.Peers;

/// <summary>
/// The neighbours on the uplink network by address. Stored, so that traffic goes on while the ACC's kernel resolves them again after a
/// restart.
/// </summary>
internal sealed class NeighborTable(StateJournal journal) : StateTable<IPAddress, Neighbor>(journal)
{
    /// <summary>The number of neighbours that are not needed by a route or a node.</summary>
    public const int MaxLearned = 1024;

    private readonly Dictionary<uint, Neighbor> _byId = [];
    private uint _lastId = NextHopIds.First - 1;

    public override string Name => "neighbors";

    public override IReadOnlyList<string> KeyColumns => ["address"];

    public override IReadOnlyList<string> ValueColumns => ["id", "mac"];

    public uint LastId => _lastId;

    public Neighbor? Find(uint id) => _byId.GetValueOrDefault(id);

    /// <summary>The neighbour's next hop ID; the exception port's while it is unknown.</summary>
    public uint IdOf(IPAddress address) => Find(address)?.Id ?? NextHopIds.Exception;

    protected override OwnerId? OwnerOf(IPAddress key, Neighbor? value) => value is null ? null : OwnerId.OfNeighbor(value.Id);

    protected override void OnReplaced(IPAddress key, Neighbor? old, Neighbor? value)
    {
        if (old is not null)
        {
            _byId.Remove(old.Id);
        }

        if (value is not null)
        {
            _byId.Add(value.Id, value);
            _lastId = Math.Max(_lastId, value.Id);
        }
    }

    protected override void WriteKey(RowWriter row, IPAddress key) => row.Add(key.ToString());

    protected override void WriteValue(RowWriter row, Neighbor value) => row.Add(value.Id).Add(value.Mac?.ToString() ?? "");

    protected override (IPAddress Key, Neighbor Value) ReadRow(RowReader row)
    {
        var address = IpText.Parse(row.Text());
        var id = row.UInt32();
        var mac = row.Text();
        return (address, new Neighbor(address, id, mac.Length == 0 ? null : MacAddress.Parse(mac)));
    }
}

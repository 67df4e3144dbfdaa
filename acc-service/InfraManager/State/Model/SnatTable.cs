using System.Net;
using ACCOffload.InfraManager.State.Tables;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.State.Model;

/// <summary>
/// natOutgoing: pod traffic to destinations outside <paramref name="Prefixes"/> gets the source <paramref name="Address"/>.
/// </summary>
/// <param name="Address">Null: no source is rewritten.</param>
/// <param name="Prefixes">Destinations that see the pod's own address, in order. While the list is empty no source is rewritten.</param>
internal sealed record SnatState(IPAddress? Address, SequenceOf<IPNetwork> Prefixes)
{
    public static SnatState None { get; } = new(null, []);

    public bool IsActive => Address is not null && Prefixes.Count > 0;
}

/// <summary>The masquerading configuration of traffic that leaves the cluster: at most one row.</summary>
internal sealed class SnatTable(StateJournal journal) : StateTable<long, SnatState>(journal)
{
    private const long OnlyKey = 1;

    public override string Name => "snat";

    public override IReadOnlyList<string> KeyColumns => ["id"];

    public override IReadOnlyList<string> ValueColumns => ["address", "prefixes"];

    public SnatState Current => Find(OnlyKey) ?? SnatState.None;

    public void Set(SnatState state) => Set(OnlyKey, state);

    protected override OwnerId? OwnerOf(long key, SnatState? value) => OwnerId.Node;

    protected override void WriteKey(RowWriter row, long key) => row.Add(key);

    protected override void WriteValue(RowWriter row, SnatState value) =>
        row.Add(value.Address?.ToString() ?? "").Add(string.Join(',', value.Prefixes));

    protected override (long Key, SnatState Value) ReadRow(RowReader row)
    {
        var id = row.Int64();
        var address = row.Text();
        return (id, new SnatState(address.Length == 0 ? null : IpText.Parse(address), [.. row.List().Select(IpText.ParseNetwork)]));
    }
}

using System.Net;
using ACCOffload.InfraManager.State.Tables;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.State.Model;

/// <summary>
/// The node as the cluster describes it. It is stored, so that a restart does not depend on the API server; configured values take
/// precedence.
/// </summary>
/// <param name="Addresses">The Node's InternalIP addresses, of both families, in the order of <c>status.addresses</c>.</param>
/// <param name="PodRanges">The ranges of the node's pods (<c>spec.podCIDRs</c>).</param>
/// <param name="ServiceRanges">The cluster's service ranges (ServiceCIDR objects).</param>
internal sealed record NodeFacts(
    SequenceOf<IPAddress> Addresses, SequenceOf<IPNetwork> PodRanges, SequenceOf<IPNetwork> ServiceRanges)
{
    public static NodeFacts Unknown { get; } = new([], [], []);
}

/// <summary>What the cluster says about this node: at most one row.</summary>
internal sealed class NodeFactsTable(StateJournal journal) : StateTable<long, NodeFacts>(journal)
{
    private const long OnlyKey = 1;

    public override string Name => "node_facts";

    public override IReadOnlyList<string> KeyColumns => ["id"];

    public override IReadOnlyList<string> ValueColumns => ["addresses", "pod_ranges", "service_ranges"];

    public NodeFacts Current => Find(OnlyKey) ?? NodeFacts.Unknown;

    public void Set(NodeFacts facts) => Set(OnlyKey, facts);

    protected override OwnerId? OwnerOf(long key, NodeFacts? value) => OwnerId.Node;

    protected override void WriteKey(RowWriter row, long key) => row.Add(key);

    protected override void WriteValue(RowWriter row, NodeFacts value) =>
        row.Add(string.Join(',', value.Addresses)).Add(string.Join(',', value.PodRanges)).Add(string.Join(',', value.ServiceRanges));

    protected override (long Key, NodeFacts Value) ReadRow(RowReader row) => (
        row.Int64(),
        new NodeFacts([.. row.List().Select(IpText.Parse)], [.. row.List().Select(IpText.ParseNetwork)],
            [.. row.List().Select(IpText.ParseNetwork)]));
}

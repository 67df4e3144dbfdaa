using System.Net;
using ACCOffload.InfraManager.State.Tables;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.State.Peers;

/// <summary>
/// The cluster's other nodes by name. Stored, so that a restart does not depend on the API server. Two nodes may claim the same address
/// or range for a moment, such as one that is registered again under another name; the older claim holds until it is withdrawn.
/// </summary>
internal sealed class RemoteNodeTable(StateJournal journal) : StateTable<string, RemoteNode>(journal)
{
    /// <summary>The largest cluster that Kubernetes supports.</summary>
    public const int MaxNodes = 5000;

    private readonly Dictionary<uint, RemoteNode> _byId = [];
    private readonly ClaimIndex<IPAddress> _addresses = new();
    private readonly ClaimIndex<IPNetwork> _ranges = new();

    // The number of IPv4 ranges by prefix length.
    private readonly int[] _lengths = new int[33];
    private uint _lastId = NextHopIds.First - 1;

    public override string Name => "remote_nodes";

    public override IReadOnlyList<string> KeyColumns => ["name"];

    public override IReadOnlyList<string> ValueColumns => ["id", "addresses", "pod_ranges", "tunnel_mac", "tunnel_address"];

    /// <summary>Increases with every change, including undone ones.</summary>
    public long Version { get; private set; }

    public uint LastId => _lastId;

    /// <summary>
    /// The longest prefix of the nodes' IPv4 pod ranges; 0 without any. The pipeline's rows have this length: a shorter range has several.
    /// </summary>
    public int PrefixLength => Array.FindLastIndex(_lengths, n => n > 0) is var longest and >= 0 ? longest : 0;

    public RemoteNode? Find(uint id) => _byId.GetValueOrDefault(id);

    /// <summary>The nodes with this address, internal or of their tunnels.</summary>
    public IEnumerable<RemoteNode> WithAddress(IPAddress address) =>
        _addresses.Of(address).Select(id => _byId[id]);

    /// <summary>Whether the node is the first with this address.</summary>
    public bool Holds(RemoteNode node, IPAddress address) => _addresses.Holds(node.Id, address);

    /// <summary>Whether the node is the first with this range.</summary>
    public bool Holds(RemoteNode node, IPNetwork range) => _ranges.Holds(node.Id, range);

    /// <summary>The owners of rows that a change of this node affects: it, and nodes that claim the same addresses or ranges.</summary>
    public IEnumerable<OwnerId> AffectedBy(RemoteNode? node) => node is null
        ? []
        : AddressesOf(node).SelectMany(_addresses.Of).Concat(node.Facts.PodRanges.SelectMany(_ranges.Of)).Distinct()
            .Select(OwnerId.OfRemoteNode);

    protected override OwnerId? OwnerOf(string key, RemoteNode? value) => value is null ? null : OwnerId.OfRemoteNode(value.Id);

    protected override void OnReplaced(string key, RemoteNode? old, RemoteNode? value)
    {
        Version++;
        if (old is not null)
        {
            _byId.Remove(old.Id);
            _addresses.Remove(AddressesOf(old), old.Id);
            _ranges.Remove(old.Facts.PodRanges, old.Id);
            CountLengths(old, -1);
        }

        if (value is not null)
        {
            _byId.Add(value.Id, value);
            _lastId = Math.Max(_lastId, value.Id);
            _addresses.Add(AddressesOf(value), value.Id);
            _ranges.Add(value.Facts.PodRanges, value.Id);
            CountLengths(value, 1);
        }
    }

    protected override void WriteKey(RowWriter row, string key) => row.Add(key);

    protected override void WriteValue(RowWriter row, RemoteNode value) => row
        .Add(value.Id).Add(string.Join(',', value.Facts.Addresses)).Add(string.Join(',', value.Facts.PodRanges))
        .Add(value.Facts.TunnelMac?.ToString() ?? "").Add(value.Facts.TunnelAddress?.ToString() ?? "");

    protected override (string Key, RemoteNode Value) ReadRow(RowReader row)
    {
        var name = row.Text();
        var id = row.UInt32();
        var facts = new RemoteNodeFacts([.. row.List().Select(IpText.Parse)], [.. row.List().Select(IpText.ParseNetwork)]);
        var (mac, address) = (row.Text(), row.Text());
        return (name, new RemoteNode(name, id, facts with
        {
            TunnelMac = mac.Length == 0 ? null : MacAddress.Parse(mac),
            TunnelAddress = address.Length == 0 ? null : IpText.Parse(address),
        }));
    }

    private void CountLengths(RemoteNode node, int change)
    {
        foreach (var range in node.Facts.PodRanges.Where(Ipv4.Is))
        {
            _lengths[range.PrefixLength] += change;
        }
    }

    private static IEnumerable<IPAddress> AddressesOf(RemoteNode node) => node.Facts.TunnelAddress is { } tunnel
        ? node.Facts.Addresses.Append(tunnel).Distinct()
        : node.Facts.Addresses;
}

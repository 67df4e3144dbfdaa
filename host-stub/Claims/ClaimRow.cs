using System.Text.Json;
using ACCOffload.HostStub.Cni;
using ACCOffload.NativeInterop.Addresses;
using Microsoft.Data.Sqlite;

namespace ACCOffload.HostStub.Claims;

/// <summary>A claim as a row of the database.</summary>
internal static class ClaimRow
{
    public const string Columns =
        "network, container_id, interface_name, state, device_kind, port_name, mac, mtu, addresses, netns, "
        + "pod_namespace, pod_name, pod_uid, epoch, sequence, environment, config, created, device, routes, origin, "
        + "ipam_result, source_table, host_ports";

    public const string Upsert =
        $"INSERT OR REPLACE INTO claims ({Columns}) VALUES ($network, $container, $interface, $state, $device, $port, $mac, $mtu, "
        + "$addresses, $netns, $podNamespace, $podName, $podUid, $epoch, $sequence, $environment, $config, $created, $deviceName, "
        + "$routes, $origin, $ipamResult, $sourceTable, $hostPorts)";

    public const string Delete =
        "DELETE FROM claims WHERE network = $network AND container_id = $container AND interface_name = $interface";

    /// <summary>From version 1 to 2.</summary>
    public static readonly string[] FromVersion1 =
    [
        "ALTER TABLE claims ADD COLUMN device TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE claims ADD COLUMN routes BLOB NOT NULL DEFAULT x''",
        "ALTER TABLE claims ADD COLUMN origin TEXT NOT NULL DEFAULT ''",
    ];

    /// <summary>From version 2 to 3: the ACC assigns epochs, and Sync covers the whole node.</summary>
    public static readonly string[] FromVersion2 =
    [
        "DROP TABLE IF EXISTS networks",
        "DELETE FROM state WHERE name = 'epoch'",
    ];

    /// <summary>From version 3 to 4: the delegated plugin's result, and the table of the pod's source routing.</summary>
    public static readonly string[] FromVersion3 =
    [
        "ALTER TABLE claims ADD COLUMN ipam_result BLOB NOT NULL DEFAULT x''",
        "ALTER TABLE claims ADD COLUMN source_table INTEGER NOT NULL DEFAULT 0",
    ];

    /// <summary>From version 4 to 5: the pod's host ports.</summary>
    public static readonly string[] FromVersion4 =
    [
        "ALTER TABLE claims ADD COLUMN host_ports TEXT NOT NULL DEFAULT ''",
    ];

    public static readonly string[] Schema =
    [
        "CREATE TABLE state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
        """
        CREATE TABLE claims (
            network TEXT NOT NULL, container_id TEXT NOT NULL, interface_name TEXT NOT NULL,
            state INTEGER NOT NULL, device_kind TEXT NOT NULL, port_name TEXT NOT NULL, mac BLOB NOT NULL, mtu INTEGER NOT NULL,
            addresses TEXT NOT NULL, netns TEXT NOT NULL, pod_namespace TEXT NOT NULL, pod_name TEXT NOT NULL, pod_uid TEXT NOT NULL,
            epoch INTEGER NOT NULL, sequence INTEGER NOT NULL, environment TEXT NOT NULL, config BLOB NOT NULL, created INTEGER NOT NULL,
            PRIMARY KEY (network, container_id, interface_name)) WITHOUT ROWID
        """,
        .. FromVersion1,
        .. FromVersion3,
        .. FromVersion4,
    ];

    public static void Bind(SqliteParameterCollection parameters, Claim claim)
    {
        BindKey(parameters, claim.Key);
        // A restart undoes the attachment, whatever the ACC was told.
        var state = claim.State == ClaimState.Attaching ? ClaimState.Adding : claim.State;
        parameters.AddWithValue("$state", (int)state);
        parameters.AddWithValue("$device", claim.DeviceKind);
        parameters.AddWithValue("$port", claim.PortName);
        parameters.AddWithValue("$mac", claim.Mac.ToArray());
        parameters.AddWithValue("$mtu", claim.Mtu);
        parameters.AddWithValue("$addresses", string.Join(',', claim.Addresses));
        parameters.AddWithValue("$netns", claim.NetNs);
        parameters.AddWithValue("$podNamespace", claim.PodNamespace);
        parameters.AddWithValue("$podName", claim.PodName);
        parameters.AddWithValue("$podUid", claim.PodUid);
        parameters.AddWithValue("$epoch", (long)claim.Epoch);
        parameters.AddWithValue("$sequence", (long)claim.Sequence);
        parameters.AddWithValue("$environment", claim.Environment);
        parameters.AddWithValue("$config", claim.Config.ToArray());
        parameters.AddWithValue("$created", claim.Created.ToUnixTimeMilliseconds());
        parameters.AddWithValue("$deviceName", claim.Device);
        parameters.AddWithValue("$routes", WriteRoutes(claim.Routes));
        parameters.AddWithValue("$origin", claim.Origin?.ToString() ?? "");
        parameters.AddWithValue("$ipamResult", claim.IpamResult is { } result ? CniResultWriter.Write(result, CniVersion.V110) : []);
        parameters.AddWithValue("$sourceTable", claim.SourceTable);
        parameters.AddWithValue("$hostPorts", string.Join(',', claim.HostPorts.Select(p => p.ToStored())));
    }

    public static void BindKey(SqliteParameterCollection parameters, AttachmentKey key)
    {
        parameters.AddWithValue("$network", key.Network);
        parameters.AddWithValue("$container", key.ContainerId);
        parameters.AddWithValue("$interface", key.InterfaceName);
    }

    public static Claim Read(SqliteDataReader row) => new()
    {
        Key = new AttachmentKey(row.GetString(0), row.GetString(1), row.GetString(2)),
        State = (ClaimState)row.GetInt32(3),
        DeviceKind = row.GetString(4),
        PortName = row.GetString(5),
        Mac = new MacAddress(row.GetFieldValue<byte[]>(6)),
        Mtu = row.GetInt32(7),
        Addresses = row.GetString(8).Split(',', StringSplitOptions.RemoveEmptyEntries).Select(IpText.Parse).ToArray(),
        NetNs = row.GetString(9),
        PodNamespace = row.GetString(10),
        PodName = row.GetString(11),
        PodUid = row.GetString(12),
        Epoch = (ulong)row.GetInt64(13),
        Sequence = (ulong)row.GetInt64(14),
        Environment = row.GetString(15),
        Config = row.GetFieldValue<byte[]>(16),
        Created = DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(17)),
        Device = row.GetString(18),
        Routes = ReadRoutes(row.GetFieldValue<byte[]>(19)),
        Origin = LinkOrigin.Parse(row.GetString(20)),
        IpamResult = ReadResult(row.GetFieldValue<byte[]>(21)),
        SourceTable = row.GetInt32(22),
        HostPorts = [.. row.GetString(23).Split(',', StringSplitOptions.RemoveEmptyEntries).Select(HostPort.FromStored)],
    };

    // In the form of a CNI result.
    private static byte[] WriteRoutes(IReadOnlyList<CniRoute> routes)
    {
        if (routes.Count == 0)
        {
            return [];
        }

        var result = new CniResult();
        result.Routes.AddRange(routes);
        return CniResultWriter.Write(result, CniVersion.V110);
    }

    private static List<CniRoute> ReadRoutes(byte[] json) => ReadResult(json)?.Routes ?? [];

    private static CniResult? ReadResult(byte[] json)
    {
        if (json.Length == 0)
        {
            return null;
        }

        using var document = JsonDocument.Parse(json);
        return CniResultReader.Read(document.RootElement, "result");
    }
}

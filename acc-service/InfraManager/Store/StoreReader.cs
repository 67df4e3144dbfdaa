using ACCOffload.InfraManager.State;
using ACCOffload.NativeInterop.Addresses;
using Microsoft.Data.Sqlite;

namespace ACCOffload.InfraManager.Store;

/// <summary>Reads the whole database into a model.</summary>
internal static class StoreReader
{
    public static void Read(SqliteConnection connection, NetworkModel model)
    {
        Each(connection, "SELECT id, node, origin, network, container_id, interface_name, kind, device, port_name, owns_port, mac, addresses, mtu, "
            + "pod_namespace, pod_name, pod_uid, epoch, sequence FROM endpoints ORDER BY id", r => model.Put(ReadEndpoint(r)));
        Each(connection, "SELECT node, epoch, sequence, name FROM agents", r =>
        {
            var stamp = Stamp(r, 1);
            model.SetAgent(r.GetString(0), new AgentState(stamp.Epoch, stamp.Sequence, r.GetString(3)));
        });
        Each(connection, "SELECT origin, network, container_id, interface_name, node, epoch, sequence FROM tombstones ORDER BY rowid",
            r => model.SetTombstone(new Tombstone(
                new EndpointAddress(Defined<ApiOrigin>(r, 0), new AttachmentKey(r.GetString(1), r.GetString(2), r.GetString(3))), r.GetString(4), Stamp(r, 5))));
        Each(connection, "SELECT namespace, name, state FROM services", r =>
        {
            var state = ServiceStateJson.Read(r.GetString(2));
            var key = new ServiceKey(r.GetString(0), r.GetString(1));
            model.SetService(key, state.Key == key ? state : throw new FormatException($"service {key} is kept as {state.Key}"));
        });
        Each(connection, $"SELECT last FROM numbers WHERE name = '{StoreCommands.LastName}'", r => model.SetLastServiceNumber(checked((uint)r.GetInt64(0))));
        Each(connection, $"SELECT last FROM numbers WHERE name = '{StoreCommands.TrustedName}'", r => model.SetTrustedServiceNumber(checked((uint)r.GetInt64(0))));
        Each(connection, "SELECT address, prefixes FROM snat", r => model.SetSnat(new SnatState(
            r.GetString(0).Length == 0 ? null : IpText.Parse(r.GetString(0)),
            [.. r.GetString(1).Split(',', StringSplitOptions.RemoveEmptyEntries).Select(IpText.ParseNetwork)])));
        Each(connection, "SELECT name FROM port_removals", r => model.SetPortRemoval(r.GetString(0), true));
    }

    private static Endpoint ReadEndpoint(SqliteDataReader r) => new(
        r.GetInt64(0),
        new EndpointSpec
        {
            Node = r.GetString(1),
            Origin = Defined<ApiOrigin>(r, 2),
            Key = new AttachmentKey(r.GetString(3), r.GetString(4), r.GetString(5)),
            Kind = Defined<EndpointKind>(r, 6),
            Device = Defined<DeviceKind>(r, 7),
            PortName = r.GetString(8),
            Mac = new MacAddress((ulong)r.GetInt64(10)),
            Addresses = [.. r.GetString(11).Split(',', StringSplitOptions.RemoveEmptyEntries).Select(IpText.Parse)],
            Mtu = r.GetInt32(12),
            PodNamespace = r.GetString(13),
            PodName = r.GetString(14),
            PodUid = r.GetString(15),
            Epoch = unchecked((ulong)r.GetInt64(16)),
            Sequence = unchecked((ulong)r.GetInt64(17)),
        },
        r.GetInt64(9) != 0);

    private static RequestStamp Stamp(SqliteDataReader r, int column) =>
        new(unchecked((ulong)r.GetInt64(column)), unchecked((ulong)r.GetInt64(column + 1)));

    private static T Defined<T>(SqliteDataReader r, int column)
        where T : struct, Enum
    {
        var value = (T)Enum.ToObject(typeof(T), r.GetInt32(column));
        return Enum.IsDefined(value) ? value : throw new FormatException($"{typeof(T).Name} {r.GetInt32(column)} is unknown");
    }

    private static void Each(SqliteConnection connection, string sql, Action<SqliteDataReader> row)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        using var reader = command.ExecuteReader();
        while (reader.Read())
        {
            row(reader);
        }
    }
}

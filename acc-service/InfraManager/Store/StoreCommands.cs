using ACCOffload.InfraManager.State;
using Microsoft.Data.Sqlite;

namespace ACCOffload.InfraManager.Store;

/// <summary>The prepared statements that write.</summary>
internal sealed class StoreCommands : IDisposable
{
    /// <summary>Of the last number that was given.</summary>
    public const string LastName = "services";

    /// <summary>Of the last one that was given while the target's mark was known.</summary>
    public const string TrustedName = "trusted";

    private readonly List<SqliteCommand> _all = [];
    private readonly SqliteCommand _putEndpoint;
    private readonly SqliteCommand _deleteEndpoint;
    private readonly SqliteCommand _putAgent;
    private readonly SqliteCommand _deleteAgent;
    private readonly SqliteCommand _putTombstone;
    private readonly SqliteCommand _deleteTombstone;
    private readonly SqliteCommand _putPortRemoval;
    private readonly SqliteCommand _deletePortRemoval;
    private readonly SqliteCommand _putService;
    private readonly SqliteCommand _deleteService;
    private readonly SqliteCommand _putNumber;
    private readonly SqliteCommand _deleteNumber;
    private readonly SqliteCommand _putSnat;

    public StoreCommands(SqliteConnection connection)
    {
        _putEndpoint = Put(connection, "endpoints",
            "id", "node", "origin", "network", "container_id", "interface_name", "kind", "device", "port_name", "owns_port", "mac", "addresses",
            "mtu", "pod_namespace", "pod_name", "pod_uid", "epoch", "sequence");
        _deleteEndpoint = Delete(connection, "endpoints", "id");
        _putAgent = Put(connection, "agents", "node", "epoch", "sequence", "name");
        _deleteAgent = Delete(connection, "agents", "node");
        _putTombstone = Put(connection, "tombstones", "origin", "network", "container_id", "interface_name", "node", "epoch", "sequence");
        _deleteTombstone = Delete(connection, "tombstones", "origin", "network", "container_id", "interface_name");
        _putPortRemoval = Put(connection, "port_removals", "name");
        _deletePortRemoval = Delete(connection, "port_removals", "name");
        _putService = Put(connection, "services", "namespace", "name", "state");
        _deleteService = Delete(connection, "services", "namespace", "name");
        _putNumber = Put(connection, "numbers", "name", "last");
        _deleteNumber = Delete(connection, "numbers", "name");
        _putSnat = Put(connection, "snat", "id", "address", "prefixes");
    }

    public void Apply(SqliteTransaction transaction, IReadOnlyCollection<StoreChange> changes)
    {
        foreach (var change in changes)
        {
            Apply(transaction, change);
        }
    }

    public void Dispose()
    {
        foreach (var command in _all)
        {
            command.Dispose();
        }
    }

    private void Apply(SqliteTransaction transaction, StoreChange change)
    {
        var name = change.Key.Name;
        switch (change.Key.Kind)
        {
            case StateKind.Endpoint when change.Value is Endpoint e:
                var s = e.Spec;
                Run(transaction, _putEndpoint, e.Id, s.Node, (long)s.Origin, s.Key.Network, s.Key.ContainerId, s.Key.InterfaceName, (long)s.Kind,
                    (long)s.Device, s.PortName, e.OwnsPort ? 1L : 0L, (long)s.Mac.Value, string.Join(',', s.Addresses), (long)s.Mtu, s.PodNamespace,
                    s.PodName, s.PodUid, unchecked((long)s.Epoch), unchecked((long)s.Sequence));
                break;
            case StateKind.Endpoint:
                Run(transaction, _deleteEndpoint, name);
                break;
            case StateKind.Agent when change.Value is AgentState agent:
                Run(transaction, _putAgent, name, unchecked((long)agent.Epoch), unchecked((long)agent.Sequence), agent.Name);
                break;
            case StateKind.Agent:
                Run(transaction, _deleteAgent, name);
                break;
            case StateKind.Tombstone when change.Value is Tombstone t:
                var k = t.Address.Key;
                Run(transaction, _putTombstone, (long)t.Address.Origin, k.Network, k.ContainerId, k.InterfaceName, t.Node,
                    unchecked((long)t.Stamp.Epoch), unchecked((long)t.Stamp.Sequence));
                break;
            case StateKind.Tombstone:
                var gone = (EndpointAddress)name;
                Run(transaction, _deleteTombstone, (long)gone.Origin, gone.Key.Network, gone.Key.ContainerId, gone.Key.InterfaceName);
                break;
            case StateKind.PortRemoval:
                Run(transaction, change.Value is null ? _deletePortRemoval : _putPortRemoval, name);
                break;
            case StateKind.Service when change.Value is ServiceState service:
                Run(transaction, _putService, service.Key.Namespace, service.Key.Name, ServiceStateJson.Write(service));
                break;
            case StateKind.Service:
                Run(transaction, _deleteService, ((ServiceKey)name).Namespace, ((ServiceKey)name).Name);
                break;
            case StateKind.LastServiceNumber:
                Run(transaction, _putNumber, LastName, (long)(uint)change.Value!);
                break;
            case StateKind.TrustedServiceNumber when change.Value is uint trusted:
                Run(transaction, _putNumber, TrustedName, (long)trusted);
                break;
            case StateKind.TrustedServiceNumber:
                Run(transaction, _deleteNumber, TrustedName);
                break;
            case StateKind.Snat:
                var snat = (SnatState)change.Value!;
                Run(transaction, _putSnat, 1L, snat.Address?.ToString() ?? "", string.Join(',', snat.Prefixes));
                break;
            default:
                throw new InvalidOperationException($"no durable form for {change.Key.Kind}");
        }
    }

    private static void Run(SqliteTransaction transaction, SqliteCommand command, params ReadOnlySpan<object> values)
    {
        command.Transaction = transaction;
        for (var i = 0; i < values.Length; i++)
        {
            command.Parameters[i].Value = values[i];
        }

        command.ExecuteNonQuery();
    }

    // Replacing a whole row is right for every table here: none has a second unique key.
    private SqliteCommand Put(SqliteConnection connection, string table, params ReadOnlySpan<string> columns) => Prepare(
        connection, $"INSERT OR REPLACE INTO {table} ({string.Join(", ", columns)}) VALUES ({string.Join(", ", [.. columns.ToArray().Select(c => "$" + c)])})", columns);

    private SqliteCommand Delete(SqliteConnection connection, string table, params ReadOnlySpan<string> columns) => Prepare(
        connection, $"DELETE FROM {table} WHERE {string.Join(" AND ", columns.ToArray().Select(c => $"{c} = ${c}"))}", columns);

    private SqliteCommand Prepare(SqliteConnection connection, string sql, ReadOnlySpan<string> columns)
    {
        var command = connection.CreateCommand();
        command.CommandText = sql;
        foreach (var column in columns)
        {
            command.Parameters.Add(new SqliteParameter { ParameterName = "$" + column });
        }

        _all.Add(command);
        return command;
    }
}

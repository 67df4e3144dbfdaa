using System.Net;
using System.Net.Sockets;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.Store;
using ACCOffload.NativeInterop.Addresses;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;

namespace ACCOffload.InfraManager.Tests.Store;

public sealed class ServiceStoreTests : IDisposable
{
    private readonly Folder _folder = new();

    private string File => _folder.At("store.db");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_service_is_loaded_with_all_its_assigned_IDs()
    {
        var model = new NetworkModel();
        var state = Plan(model, Spec("web"))!;
        Set(model, state.Key, state);
        var loaded = Load();
        Assert.Equal(state, loaded.Services.Find(state.Key));
        Assert.Equal(model.ServiceIds.Last, loaded.ServiceIds.Last);
        // IDs are not assigned again, even when their owner is gone.
        Set(loaded, state.Key, null);
        var again = Load();
        Assert.Empty(again.Services.Values);
        Assert.Equal(model.ServiceIds.Last + 1, again.ServiceIds.Next());
    }

    [Fact]
    public void An_undone_service_is_not_stored_but_its_IDs_are_not_reused()
    {
        var model = new NetworkModel();
        var state = Plan(model, Spec("web"))!;
        model.Services.Set(state.Key, state);
        Assert.Equal(["services"], model.ServiceIds.UnsavedKeys);
        Assert.Equal([state.Key], model.Services.UnsavedKeys);
        Assert.Equal(["services", "numbers"], model.Tables.Where(t => t.HasUnsaved).Select(t => t.Name));
        model.Undo();
        Assert.Empty(model.Services.Values);
        Assert.True(model.ServiceIds.Next() > state.Ports.SelectMany(p => p.Backends).Max(b => b.Id));
    }

    [Fact]
    public void A_store_of_the_version_before_services_is_migrated_and_keeps_its_contents()
    {
        using (SqliteStore.Open(File, NullLogger.Instance))
        {
        }
        using (var connection = new SqliteConnection($"Data Source={File};Pooling=False"))
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "DROP TABLE services; DROP TABLE numbers; DROP TABLE snat; DROP TABLE agents; DROP TABLE node_facts; "
                + "DROP TABLE remote_nodes; DROP TABLE neighbors; DROP TABLE policy_objects; DROP TABLE policy_sync; "
                + "ALTER TABLE endpoints DROP COLUMN host_ports; ALTER TABLE endpoints DROP COLUMN pointer; "
                + "CREATE TABLE sync_floors (node TEXT NOT NULL, network TEXT NOT NULL, epoch INTEGER NOT NULL, sequence INTEGER NOT "
                + "NULL, PRIMARY KEY (node, network)) STRICT, WITHOUT ROWID; "
                + "INSERT INTO port_removals (name) VALUES ('acc1'); PRAGMA user_version = 1;";
            command.ExecuteNonQuery();
        }
        var model = Load();
        Assert.Equal(["acc1"], model.PortRemovals.Keys);
        Assert.Empty(model.Services.Values);
        var state = Plan(model, Spec("web"))!;
        Set(model, state.Key, state);
        Assert.Equal(state, Load().Services.Find(state.Key));

        // The previous version, which the boot loader may restore, finds a copy that it can read, from before the change.
        var copy = StoreCopies.PathOf(File, 1);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, System.IO.File.GetUnixFileMode(copy));
        using var old = new SqliteConnection($"Data Source={copy};Mode=ReadOnly;Pooling=False");
        old.Open();
        using var look = old.CreateCommand();
        look.CommandText =
            "SELECT (SELECT user_version FROM pragma_user_version) || ' ' || (SELECT name FROM port_removals) || ' ' || (SELECT count(*) "
            + "FROM sqlite_schema WHERE name = 'services')";
        Assert.Equal("1 acc1 0", look.ExecuteScalar());
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("null")]
    [InlineData("{\"Id\":1,\"Ranges\":[],\"Spec\":{\"Key\":{\"Namespace\":\"default\",\"Name\":\"other\"},\"Ports\":[]},\"Ports\":[]}")]
    [InlineData("{\"Id\":1,\"Ranges\":[],\"Spec\":{\"Key\":{\"Namespace\":\"default\",\"Name\":\"web\"},\"Ports\":null},\"Ports\":[]}")]
    public void A_damaged_service_is_reported(string json)
    {
        using (SqliteStore.Open(File, NullLogger.Instance))
        {
        }
        using (var connection = new SqliteConnection($"Data Source={File};Pooling=False"))
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "INSERT INTO services VALUES ('default', 'web', $json)";
            command.Parameters.AddWithValue("$json", json);
            command.ExecuteNonQuery();
        }
        using var store = SqliteStore.Open(File, NullLogger.Instance);
        Assert.Equal(StoreFailure.Corrupt, Assert.Throws<StoreException>(store.Load).Failure);
    }

    private static ServiceState? Plan(NetworkModel model, ServiceSpec spec) =>
        new ServicePlanner("node-1", model.ServiceIds.Next, _ => 0, model.Services.EndpointIdOf,
            model.Services.FrontendIdOf).Next(null, spec);

    private static ServiceSpec Spec(string name) => new(new ServiceKey("default", name),
    [
        new ServicePortSpec("http", ProtocolType.Tcp, 80, 10800,
            [
                new Frontend(IPAddress.Parse("10.96.0.10"), 80, FrontendKind.ClusterIP, FlowTarget.Cluster, FlowTarget.Cluster,
                    false, true, []),
                new Frontend(IPAddress.Parse("fd00::10"), 80, FrontendKind.LoadBalancer, FlowTarget.Cluster, FlowTarget.Local, false,
                    false, [IPNetwork.Parse("203.0.113.0/24")]),
            ],
            [
                new Backend(IPAddress.Parse("10.244.1.2"), 8080, BackendPlace.Local, true, true, false, true, true),
                new Backend(IPAddress.Parse("fd00:1::3"), 8080, BackendPlace.Remote, false, true, true, true, false),
            ]),
        new ServicePortSpec("sctp", Transport.Sctp, 9000, 0, [], []),
    ])
    { HealthCheckNodePort = 32000, ReadyHere = 1, Problems = [new ServiceProblem("port x", "why")] };

    private NetworkModel Load()
    {
        using var store = SqliteStore.Open(File, NullLogger.Instance);
        return store.Load();
    }

    private void Set(NetworkModel model, ServiceKey key, ServiceState? state)
    {
        model.Services.Set(key, state);
        using var store = SqliteStore.Open(File, NullLogger.Instance);
        store.Commit(model);
        model.Forget();
    }
}

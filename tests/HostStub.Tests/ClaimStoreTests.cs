using System.Net;
using System.Net.Sockets;
using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.NativeInterop.Addresses;
using Microsoft.Data.Sqlite;

namespace ACCOffload.HostStub.Tests;

public sealed class ClaimStoreTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("claims-").FullName;

    private string File1 => Path.Combine(_directory, "sub", "claims.db");

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void A_store_of_the_first_version_is_migrated()
    {
        var path = Path.Combine(Directory.CreateTempSubdirectory("claims-").FullName, "agent.db");
        using (var connection = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={path};Pooling=False"))
        {
            connection.Open();
            foreach (var statement in (string[])[.. ClaimRow.Schema.Except(ClaimRow.FromVersion1).Except(ClaimRow.FromVersion3)
                    .Except(ClaimRow.FromVersion4),
                "CREATE TABLE networks (name TEXT PRIMARY KEY) WITHOUT ROWID", "INSERT INTO state (name, value) VALUES ('epoch', 7)",
                "PRAGMA user_version = 1",
                "INSERT INTO claims VALUES ('net', 'c', 'eth0', 3, 'veth', 'acc0123456789a', x'020000000001', 1500, '10.0.0.1', '', "
                    + "'', '', '', 1, 1, '', x'', 0)"])
            {
                using var command = connection.CreateCommand();
                command.CommandText = statement;
                command.ExecuteNonQuery();
            }
        }
        using (var store = ClaimStore.Open(path))
        {
            var claim = Assert.Single(store.Load());
            Assert.Equal(("acc0123456789a", ""), (claim.PortName, claim.Device));
            Assert.Empty(claim.Routes);
            Assert.Null(claim.IpamResult);
            Assert.Equal(0, claim.SourceTable);
            // A database of an earlier release counts as complete: the ACC's list is not processed.
            Assert.True(store.IsComplete);
        }
        using (var connection = new SqliteConnection($"Data Source={path};Pooling=False"))
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "SELECT count(*) FROM sqlite_schema WHERE name = 'networks'";
            Assert.Equal(0L, command.ExecuteScalar());
        }
        Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);
    }

    [Fact]
    public async Task Claims_survive_a_restart()
    {
        var claim = Sample("c1") with
        {
            Addresses = [IPAddress.Parse("10.0.0.1"), IPAddress.IPv6Loopback],
            NetNs = "/run/netns/x",
            PodNamespace = "ns",
            PodName = "pod",
            PodUid = "uid",
            Epoch = 7,
            Sequence = 8,
            Environment = "CNI_PATH=/a\nCNI_ARGS=",
            Config = new byte[] { 1, 2, 3 },
            SourceTable = 0x0acc0003,
            HostPorts =
            [
                new HostPort(ProtocolType.Tcp, 8080, 80, null), new HostPort(Transport.Sctp, 65535, 1, IPAddress.Parse("fd00::1")),
            ],
            IpamResult = new CniResult
            {
                Addresses = { new CniAddress(IPAddress.Parse("10.0.0.1"), 24, IPAddress.Parse("10.0.0.254"), null) },
            },
        };
        using (var store = Open())
        {
            var table = new ClaimTable(store);
            await table.PutAsync(claim);
            await table.PutAsync(Sample("c2"));
            await table.RemoveAsync(Sample("c2").Key);
        }
        using var again = Open();
        var back = Assert.Single(again.Load());
        Assert.Equal(claim.Addresses, back.Addresses);
        Assert.Equal(claim.Config.ToArray(), back.Config.ToArray());
        Assert.Equal(claim.Routes, back.Routes);
        Assert.Equal(claim.HostPorts, back.HostPorts);
        Assert.Equal(claim.IpamResult.Addresses, back.IpamResult!.Addresses);
        Assert.Equal(
            claim with
            {
                Addresses = back.Addresses,
                Routes = back.Routes,
                Config = back.Config,
                IpamResult = back.IpamResult,
                HostPorts = back.HostPorts,
            },
            back);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(File1));
    }

    [Fact]
    public async Task A_claim_that_was_still_being_attached_is_undone_after_a_restart()
    {
        using (var store = Open())
        {
            await store.PutAsync(Sample("c1") with { State = ClaimState.Attaching });
        }

        using var again = Open();
        Assert.Equal(ClaimState.Adding, Assert.Single(again.Load()).State);
    }

    [Fact]
    public async Task A_database_is_new_until_the_ACCs_list_was_processed()
    {
        using (var store = Open())
        {
            Assert.False(store.IsComplete);
        }

        using (var store = Open())
        {
            var table = new ClaimTable(store);
            Assert.False(table.IsComplete);
            await table.SetCompleteAsync();
            Assert.True(table.IsComplete);
        }
        using (var store = Open())
        {
            Assert.True(store.IsComplete);
        }

        foreach (var file in Directory.GetFiles(Path.GetDirectoryName(File1)!))
        {
            File.Delete(file);
        }

        using var fresh = Open();
        Assert.False(fresh.IsComplete);
    }

    [Fact]
    public void Sequence_numbers_continue_across_epochs()
    {
        using var store = Open();
        var table = new ClaimTable(store);
        var before = table.NextSequence().Sequence;
        table.BeginEpoch(7);
        Assert.Equal((7UL, before + 1), table.NextSequence());
        Assert.Equal(7UL, table.TakeSnapshot().Epoch);
    }

    [Fact]
    public void A_second_agent_is_refused()
    {
        using var store = Open();
        var e = Assert.Throws<ConfigurationException>(Open);
        Assert.Contains("Another agent seems to use this store", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_damaged_or_newer_database_is_reported_and_not_changed()
    {
        Open().Dispose();
        using (var connection = new SqliteConnection($"Data Source={File1};Pooling=False"))
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "PRAGMA user_version = 99";
            command.ExecuteNonQuery();
        }
        Assert.Contains("schema 99 is newer", Assert.Throws<ConfigurationException>(Open).Message, StringComparison.Ordinal);

        File.WriteAllText(File1, "this is no database, whatever its name says, and it is long enough");
        var e = Assert.Throws<ConfigurationException>(Open);
        Assert.StartsWith(File1, e.Message, StringComparison.Ordinal);
        Assert.StartsWith("this is no database", File.ReadAllText(File1), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_snapshot_lists_what_the_ACC_should_have_and_confirms_only_its_own_claims()
    {
        using var store = Open();
        var table = new ClaimTable(store);
        foreach (var state in Enum.GetValues<ClaimState>())
        {
            await table.PutAsync(Sample(state.ToString()) with { State = state });
        }

        await table.PutAsync(Sample("gone"));
        Assert.True(table.SetVanished(table.Get(Sample("gone").Key)!, true, false));

        var snapshot = table.TakeSnapshot();
        Assert.Equal(["Attached", "Attaching"], snapshot.Attached.Select(c => c.Key.ContainerId).Order());
        await table.PutAsync(Sample("late") with { State = ClaimState.Released });
        table.Confirm(snapshot);

        Assert.Null(table.Get(Sample("Released").Key));
        Assert.NotNull(table.Get(Sample("late").Key));
        Assert.True(table.NextSequence().Sequence > snapshot.Sequence);
    }

    private ClaimStore Open() => ClaimStore.Open(File1);

    private static Claim Sample(string container) => new()
    {
        Key = new AttachmentKey("net", container, "eth0"),
        State = ClaimState.Attached,
        DeviceKind = "veth",
        PortName = "acc0123456789a",
        Mac = MacAddress.Parse("02:00:00:00:00:01"),
        Mtu = 1500,
    };
}

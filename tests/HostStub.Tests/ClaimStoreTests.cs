using System.Net;
using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.NativeInterop;
using Microsoft.Data.Sqlite;

namespace ACCOffload.HostStub.Tests;

public sealed class ClaimStoreTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("claims-").FullName;

    private string File1 => Path.Combine(_directory, "sub", "claims.db");

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void A_store_of_the_version_before_is_taken_over()
    {
        string path = Path.Combine(Directory.CreateTempSubdirectory("claims-").FullName, "agent.db");
        using (var connection = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={path};Pooling=False"))
        {
            connection.Open();
            foreach (string statement in (string[])[.. ClaimRow.Schema.Except(ClaimRow.FromVersion1).Except(ClaimRow.AddIpamResultAndSourceTable), "INSERT INTO state (name, value) VALUES ('epoch', 7)", "PRAGMA user_version = 1",
                "INSERT INTO claims VALUES ('net', 'c', 'eth0', 3, 'veth', 'acc0123456789a', x'020000000001', 1500, '10.0.0.1', '', '', '', '', 1, 1, '', x'', 0)"])
            {
                using var command = connection.CreateCommand();
                command.CommandText = statement;
                command.ExecuteNonQuery();
            }
        }
        using (var store = ClaimStore.Open(path, TimeProvider.System))
        {
            var claim = Assert.Single(store.Load());
            Assert.Equal((8UL, "acc0123456789a", ""), (store.Epoch, claim.PortName, claim.Device));
            Assert.Empty(claim.Routes);
            Assert.Null(claim.IpamResult);
            Assert.Equal(0, claim.SourceTable);
        }
        Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);
    }

    [Fact]
    public async Task Claims_and_networks_survive()
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
            IpamResult = new CniResult { Addresses = { new CniAddress(IPAddress.Parse("10.0.0.1"), 24, IPAddress.Parse("10.0.0.254"), null) } },
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
        Assert.Equal(claim.IpamResult.Addresses, back.IpamResult!.Addresses);
        Assert.Equal(claim with { Addresses = back.Addresses, Routes = back.Routes, Config = back.Config, IpamResult = back.IpamResult }, back);
        Assert.Equal(["net"], again.LoadNetworks());
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(File1));
    }

    [Fact]
    public async Task What_was_only_told_to_the_ACC_comes_back_as_to_be_undone()
    {
        using (var store = Open())
            await store.PutAsync(Sample("c1") with { State = ClaimState.Attaching });
        using var again = Open();
        Assert.Equal(ClaimState.Adding, Assert.Single(again.Load()).State);
    }

    [Fact]
    public void Each_start_is_a_later_epoch_and_a_lost_database_too()
    {
        ulong first, second;
        using (var store = Open())
            first = store.Epoch;
        using (var store = Open())
            second = store.Epoch;
        Assert.Equal(first + 1, second);
        foreach (string file in Directory.GetFiles(Path.GetDirectoryName(File1)!))
            File.Delete(file);
        using var fresh = ClaimStore.Open(File1, new Later());
        Assert.True(fresh.Epoch > second);
    }

    [Fact]
    public void A_second_agent_is_refused()
    {
        using var store = Open();
        var e = Assert.Throws<ConfigurationException>(Open);
        Assert.Contains("Another agent seems to run", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_damaged_or_newer_database_is_named_and_left_alone()
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
    public async Task A_snapshot_lists_what_the_ACC_should_have_and_confirms_only_what_it_saw()
    {
        using var store = Open();
        var table = new ClaimTable(store);
        foreach (var state in Enum.GetValues<ClaimState>())
            await table.PutAsync(Sample(state.ToString()) with { State = state });
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

    private ClaimStore Open() => ClaimStore.Open(File1, TimeProvider.System);

    private static Claim Sample(string container) => new()
    {
        Key = new AttachmentKey("net", container, "eth0"),
        State = ClaimState.Attached,
        DeviceKind = "veth",
        PortName = "acc0123456789a",
        Mac = MacAddress.Parse("02:00:00:00:00:01"),
        Mtu = 1500,
    };

    private sealed class Later : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => base.GetUtcNow().AddSeconds(5);
    }
}

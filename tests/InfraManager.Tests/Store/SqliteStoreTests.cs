using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Store;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.Sqlite;
using ACCOffload.TestKit.Logging;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;

namespace ACCOffload.InfraManager.Tests.Store;

public sealed class SqliteStoreTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("im-store-").FullName;

    private string DatabasePath => Path.Combine(_folder, "sub", "state.db");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Committed_state_is_loaded_again()
    {
        var endpoint = new Endpoint(7, TestNode.Pod(1, ulong.MaxValue, epoch: ulong.MaxValue - 1) with
        {
            Mtu = 9000,
            PodUid = "uid",
            Addresses = [TestNode.Ip(1), TestNode.Ip(2)],
            HostPorts =
            [
                new HostPort(ProtocolType.Tcp, 8080, 80, null),
                new HostPort(ProtocolType.Udp, 53, 65535, IPAddress.Parse("192.0.2.10")),
                new HostPort(Transport.Sctp, 1, 1, IPAddress.IPv6Any),
            ],
        }, false);
        var agent = new AgentState(ulong.MaxValue, 3, "host-a");
        var tombstone = new Tombstone(new EndpointAddress(ApiOrigin.Offload, TestNode.Key(3)), "node-1", new RequestStamp(1, 2));
        using (var store = Open())
        {
            var written = new NetworkModel();
            written.Endpoints.Put(endpoint);
            written.Agents.Set("node-1", agent);
            written.Tombstones.Put(tombstone);
            written.PortRemovals.Add("acc1");
            store.Commit(written);
        }

        using var again = Open();
        var model = again.Load();
        var loaded = Assert.Single(model.Endpoints.Values);
        Assert.True(loaded.Spec.HasSameContent(endpoint.Spec));
        Assert.Equal((endpoint.Id, endpoint.OwnsPort, endpoint.Spec.Stamp), (loaded.Id, loaded.OwnsPort, loaded.Spec.Stamp));
        Assert.Equal(agent, model.Agents.Of("node-1"));
        Assert.Equal(tombstone, Assert.Single(model.Tombstones.Values));
        Assert.Equal("acc1", Assert.Single(model.PortRemovals.Keys));
        Assert.Equal(8, model.Endpoints.NextId());

        Action[] removals =
        [
            () => model.Endpoints.Remove(endpoint), () => model.Agents.Remove("node-1"), () => model.Tombstones.Remove(tombstone.Address),
            () => model.PortRemovals.Remove("acc1"),
        ];
        foreach (var remove in removals)
        {
            remove();
            again.Commit(model);
        }

        var empty = again.Load();
        Assert.Equal((0, 0, 0, 0), (empty.Endpoints.Count, empty.Agents.Count, empty.Tombstones.Count, empty.PortRemovals.Count));
    }

    [Fact]
    public void Only_the_owner_can_access_the_files()
    {
        using var store = Open();
        var model = new NetworkModel();
        model.PortRemovals.Add("x");
        store.Commit(model);
        foreach (var file in Directory.GetFiles(Path.GetDirectoryName(DatabasePath)!))
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        }
    }

    [Fact]
    public void A_second_process_on_the_same_store_is_refused()
    {
        using var store = Open();
        var e = Assert.Throws<StoreException>(Open);
        Assert.Equal(StoreFailure.InUse, e.Failure);
        Assert.Contains(DatabasePath, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Corrupt_foreign_and_newer_databases_are_refused_in_one_line_and_not_changed()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(DatabasePath)!);
        File.WriteAllText(DatabasePath, new string('x', 8192));
        Refused(StoreFailure.Corrupt, "damaged");

        File.Delete(DatabasePath);
        Sql("CREATE TABLE something (x)");
        Refused(StoreFailure.Corrupt, "another program's");

        File.Delete(DatabasePath);
        using (Open())
        {
        }

        Sql($"PRAGMA user_version = {StoreSchema.Version + 1}");
        Refused(StoreFailure.NewerSchema, $"schema version {StoreSchema.Version + 1}");

        void Refused(StoreFailure failure, string part)
        {
            var before = File.ReadAllBytes(DatabasePath);
            var e = Assert.Throws<StoreException>(Open);
            Assert.Equal(failure, e.Failure);
            Assert.Contains(part, e.Message, StringComparison.Ordinal);
            Assert.Contains(DatabasePath, e.Message, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', e.Message);
            if (failure != StoreFailure.NewerSchema)
            {
                Assert.Equal(before.Length, new FileInfo(DatabasePath).Length);
            }
        }
    }

    [Fact]
    public void A_store_changed_by_a_newer_version_is_replaced_by_the_earlier_copy()
    {
        using (var store = Open())
        {
            store.Commit(ModelOf(new Endpoint(1, TestNode.Pod(1), true)));
            store.Checkpoint();
        }
        // What the newer version did at its start: a copy, then its own schema, then its own changes.
        File.Copy(DatabasePath, StoreCopies.PathOf(DatabasePath, StoreSchema.Version));
        Sql($"CREATE TABLE newer (x); DELETE FROM endpoints; PRAGMA user_version = {StoreSchema.Version + 1}");

        using (var store = Open())
        {
            Assert.Single(store.Load().Endpoints.Values);
        }

        Assert.True(File.Exists(DatabasePath + ".newer"));
        // It opens again like any other store.
        using (var store = Open())
        {
            Assert.Single(store.Load().Endpoints.Values);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_restored_copy_replaces_the_newer_database_in_one_step_and_the_newer_one_is_complete(bool hasOlderRest)
    {
        using (var store = Open())
        {
            store.Commit(ModelOf(new Endpoint(1, TestNode.Pod(1), true)));
            store.Checkpoint();
        }

        File.Copy(DatabasePath, StoreCopies.PathOf(DatabasePath, StoreSchema.Version));
        // What the newer version wrote last is in its log only, as after a power cut.
        var crashed = DatabasePath + ".crashed";
        using (var newer = PrivateDatabase.Open(DatabasePath, TimeSpan.FromSeconds(1)))
        {
            newer.Execute($"CREATE TABLE newer (x); PRAGMA user_version = {StoreSchema.Version + 1}");
            newer.Execute("PRAGMA wal_checkpoint(TRUNCATE)");
            newer.Execute("INSERT INTO newer VALUES (7)");
            File.Copy(DatabasePath, crashed);
            File.Copy(DatabasePath + "-wal", crashed + "-wal");
        }

        File.Move(crashed, DatabasePath, overwrite: true);
        File.Move(crashed + "-wal", DatabasePath + "-wal", overwrite: true);
        if (hasOlderRest)
        {
            File.WriteAllText(DatabasePath + ".newer", "of an earlier update");
            File.WriteAllText(DatabasePath + ".newer-wal", "of an earlier update");
        }

        var gone = new ConcurrentQueue<string>();
        var isRestored = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var watcher = new FileSystemWatcher(Path.GetDirectoryName(DatabasePath)!) { NotifyFilter = NotifyFilters.FileName };
        watcher.Deleted += (_, e) => gone.Enqueue(e.FullPath);
        watcher.Renamed += (_, e) =>
        {
            gone.Enqueue(e.OldFullPath);
            if (e.FullPath == DatabasePath)
            {
                isRestored.TrySetResult();
            }
        };
        watcher.EnableRaisingEvents = true;

        using (var store = Open())
        {
            Assert.Single(store.Load().Endpoints.Values);
        }

        await isRestored.Task.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.DoesNotContain(DatabasePath, gone);
        using var kept = PrivateDatabase.OpenReadOnly(DatabasePath + ".newer", TimeSpan.FromSeconds(1));
        Assert.Equal(7L, kept.Scalar("SELECT x FROM newer"));
    }

    [Fact]
    public void Inconsistent_contents_are_refused()
    {
        using (var store = Open())
        {
            store.Commit(ModelOf([.. Enumerable.Range(1, 2).Select(i => new Endpoint(i, TestNode.Pod(i), true))]));
        }

        Sql("UPDATE endpoints SET mac = 1");
        Assert.Contains("MAC", Fails().Message, StringComparison.Ordinal);
        Sql("UPDATE endpoints SET mac = id, addresses = 'nonsense' || id");
        Assert.Equal(StoreFailure.Corrupt, Fails().Failure);
        Sql("UPDATE endpoints SET addresses = '', kind = 99");
        Assert.Equal(StoreFailure.Corrupt, Fails().Failure);

        StoreException Fails()
        {
            using var store = Open();
            return Assert.Throws<StoreException>(store.Load);
        }
    }

    [Fact]
    public void An_unwritable_directory_is_a_clear_error()
    {
        var e = Assert.Throws<StoreException>(() => SqliteStore.Open("/proc/nothing/state.db", NullLogger.Instance));
        Assert.Equal(StoreFailure.CannotOpen, e.Failure);
        Assert.Contains("/proc/nothing/state.db", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_write_ahead_log_stays_bounded()
    {
        using var store = Open();
        for (var i = 0; i < 3000; i++)
        {
            store.Commit(ModelOf([.. Enumerable.Range(1, 20).Select(k => new Endpoint(k, TestNode.Pod(k, (ulong)i + 1), true))]));
        }

        Assert.InRange(new FileInfo(DatabasePath + "-wal").Length, 0, 5 << 20);
        store.Checkpoint();
        Assert.Equal(0, new FileInfo(DatabasePath + "-wal").Length);
    }

    [Fact]
    public void A_checkpoint_that_fails_is_only_logged()
    {
        using var log = new LogCollector();
        using var store = SqliteStore.Open(DatabasePath, log.CreateLogger("store"));
        store.BeforeCommit = () => throw new SqliteException("disk I/O error", 10);
        // The store closes its connection after such an error: the checkpoint opens the database again.
        Assert.Throws<StoreException>(() => store.Commit(ModelOf(new Endpoint(1, TestNode.Pod(1), true))));
        Sql($"PRAGMA user_version = {StoreSchema.Version + 1}");

        store.Checkpoint();

        var line = Assert.Single(log.Matching("checkpoint of"));
        Assert.Contains($"schema version {StoreSchema.Version + 1}", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Acknowledged_commits_survive_a_kill_and_none_is_torn()
    {
        var random = new Random(7);
        ulong highest = 0;
        for (var round = 0; round < 8; round++)
        {
            var start = new ProcessStartInfo("dotnet",
                [Path.Combine(AppContext.BaseDirectory, "ACCOffload.InfraManager.Tests.dll"), "store-writer", DatabasePath])
            {
                RedirectStandardOutput = true,
            };
            using var child = Process.Start(start)!;
            ulong acknowledged = 0;
            for (var lines = random.Next(1, 200); lines > 0; lines--)
            {
                acknowledged = ulong.Parse((await child.StandardOutput.ReadLineAsync())!, null);
            }

            child.Kill();
            var rest = await child.StandardOutput.ReadToEndAsync();
            await child.WaitForExitAsync();
            foreach (var line in rest.Split('\n')[..^1])
            {
                acknowledged = ulong.Parse(line, null);
            }

            using var store = Open();
            Endpoint[] endpoints = [.. store.Load().Endpoints.Values];
            Assert.Equal(2, endpoints.Length);
            Assert.Equal(endpoints[0].Spec.Sequence, endpoints[1].Spec.Sequence);
            Assert.InRange(endpoints[0].Spec.Sequence, acknowledged, acknowledged + 1);
            highest = Math.Max(highest, acknowledged);
        }

        Assert.True(highest > 0);
    }

    [Fact]
    public async Task A_full_disk_is_a_clear_error_until_space_is_freed()
    {
        Needs.Root();
        var mount = Path.Combine(_folder, "small");
        Directory.CreateDirectory(mount);
        await RunAsync("mount", "-t", "tmpfs", "-o", "size=512k", "accoffload-test", mount);
        try
        {
            var path = Path.Combine(mount, "state.db");
            var target = new FakeTarget();
            using (var store = SqliteStore.Open(path, NullLogger.Instance))
            {
                await using var programmer = new InfraManager.Programming.Programmer(
                    TestNode.Settings, store, target, new ACCOffload.InfraManager.Programming.Reconcile.ProgrammerOptions(),
                    TimeProvider.System, NullLoggerFactory.Instance);
                programmer.Start();
                using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
                await programmer.WaitReadyAsync(limit.Token);
                await programmer.SubmitAsync(TestNode.Begin, limit.Token);
                await programmer.SubmitAsync(new AttachIntent(TestNode.Pod(1, 1)), limit.Token);
                Fill(Path.Combine(mount, "filler"));

                IntentException? error = null;
                var held = 1;
                for (var i = 2; i < 4000 && error is null; i++)
                {
                    try
                    {
                        await programmer.SubmitAsync(new AttachIntent(TestNode.Pod(i, (ulong)i)), limit.Token);
                        held++;
                    }
                    catch (IntentException e)
                    {
                        error = e;
                    }
                }

                Assert.Equal(IntentError.ResourceExhausted, error?.Code);
                Assert.Contains("the disk is full", error!.Message, StringComparison.Ordinal);
                Assert.True(programmer.IsHealthy);
                Assert.Equal(held, programmer.Endpoints.Count);
                File.Delete(Path.Combine(mount, "filler"));
                await programmer.SubmitAsync(new AttachIntent(TestNode.Pod(5000, 5000)), limit.Token);
                Assert.Equal(held + 1, programmer.Endpoints.Count);
                await programmer.StopAsync(TimeSpan.FromSeconds(10));
            }

            using var again = SqliteStore.Open(path, NullLogger.Instance);
            Assert.NotNull(again.Load().Endpoints.Find(new EndpointAddress(ApiOrigin.Offload, TestNode.Key(5000))));
        }
        finally
        {
            await RunAsync("umount", "-l", mount);
        }
    }

    private static void Fill(string path)
    {
        using var file = File.Create(path);
        var block = new byte[4096];
        try
        {
            while (true)
            {
                file.Write(block);
                file.Flush();
            }
        }
        catch (IOException)
        {
            // Full, as intended.
        }
    }

    private static async Task RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(program, arguments);
        await process.WaitForExitAsync();
        Assert.Equal(0, process.ExitCode);
    }

    private static NetworkModel ModelOf(params ReadOnlySpan<Endpoint> endpoints)
    {
        var model = new NetworkModel();
        foreach (var endpoint in endpoints)
        {
            model.Endpoints.Put(endpoint);
        }

        return model;
    }

    private SqliteStore Open() => SqliteStore.Open(DatabasePath, NullLogger.Instance);

    private void Sql(string text)
    {
        using var connection = new SqliteConnection($"Data Source={DatabasePath};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = text;
        command.ExecuteNonQuery();
    }
}

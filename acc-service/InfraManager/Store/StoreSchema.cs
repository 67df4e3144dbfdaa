using ACCOffload.Sqlite;
using Microsoft.Data.Sqlite;

namespace ACCOffload.InfraManager.Store;

/// <summary>The database schema by version. A released version never changes; a new one is appended.</summary>
internal static class StoreSchema
{
    /// <summary>"ACCO": distinguishes our file from other SQLite databases.</summary>
    public const int ApplicationId = 0x4143434F;

    // Unsigned 64-bit numbers are stored as the signed number with the same bits.
    private static readonly string[] Migrations =
    [
        """
        CREATE TABLE endpoints (
            id INTEGER PRIMARY KEY,
            node TEXT NOT NULL,
            origin INTEGER NOT NULL,
            network TEXT NOT NULL,
            container_id TEXT NOT NULL,
            interface_name TEXT NOT NULL,
            kind INTEGER NOT NULL,
            device INTEGER NOT NULL,
            port_name TEXT NOT NULL,
            owns_port INTEGER NOT NULL,
            mac INTEGER NOT NULL,
            addresses TEXT NOT NULL,
            mtu INTEGER NOT NULL,
            pod_namespace TEXT NOT NULL,
            pod_name TEXT NOT NULL,
            pod_uid TEXT NOT NULL,
            epoch INTEGER NOT NULL,
            sequence INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE sync_floors (
            node TEXT NOT NULL,
            network TEXT NOT NULL,
            epoch INTEGER NOT NULL,
            sequence INTEGER NOT NULL,
            PRIMARY KEY (node, network)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE tombstones (
            origin INTEGER NOT NULL,
            network TEXT NOT NULL,
            container_id TEXT NOT NULL,
            interface_name TEXT NOT NULL,
            node TEXT NOT NULL,
            epoch INTEGER NOT NULL,
            sequence INTEGER NOT NULL,
            PRIMARY KEY (origin, network, container_id, interface_name)
        ) STRICT;
        CREATE TABLE port_removals (
            name TEXT NOT NULL PRIMARY KEY
        ) STRICT, WITHOUT ROWID;
        """,
        """
        CREATE TABLE services (
            namespace TEXT NOT NULL,
            name TEXT NOT NULL,
            state TEXT NOT NULL,
            PRIMARY KEY (namespace, name)
        ) STRICT;
        CREATE TABLE numbers (
            name TEXT NOT NULL PRIMARY KEY,
            last INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE snat (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            address TEXT NOT NULL,
            prefixes TEXT NOT NULL
        ) STRICT;
        """,

        // Epochs used to be chosen by the host, from its clock; now they are assigned. All older stamps sort before them.
        """
        CREATE TABLE agents (
            node TEXT NOT NULL PRIMARY KEY,
            epoch INTEGER NOT NULL,
            sequence INTEGER NOT NULL,
            name TEXT NOT NULL
        ) STRICT, WITHOUT ROWID;
        DROP TABLE sync_floors;
        DELETE FROM tombstones;
        UPDATE endpoints SET epoch = 0, sequence = 0;
        """,
        """
        CREATE TABLE node_facts (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            addresses TEXT NOT NULL,
            pod_ranges TEXT NOT NULL,
            service_ranges TEXT NOT NULL
        ) STRICT;
        """,
        """
        ALTER TABLE endpoints ADD COLUMN host_ports TEXT NOT NULL DEFAULT '';
        """,
        """
        CREATE TABLE remote_nodes (
            name TEXT NOT NULL PRIMARY KEY,
            id INTEGER NOT NULL,
            addresses TEXT NOT NULL,
            pod_ranges TEXT NOT NULL,
            tunnel_mac TEXT NOT NULL,
            tunnel_address TEXT NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE neighbors (
            address TEXT NOT NULL PRIMARY KEY,
            id INTEGER NOT NULL,
            mac TEXT NOT NULL
        ) STRICT, WITHOUT ROWID;
        """,
        """
        CREATE TABLE policy_objects (
            kind INTEGER NOT NULL,
            name TEXT NOT NULL,
            object TEXT NOT NULL,
            PRIMARY KEY (kind, name)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE policy_sync (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            source TEXT NOT NULL
        ) STRICT;
        """,
        // Nodes among the policy objects, and peers by nodes in policies: former versions can read neither.
        "",
        """
        ALTER TABLE endpoints ADD COLUMN pointer INTEGER NOT NULL DEFAULT 0;
        """,
    ];

    public static int Version => Migrations.Length;

    /// <summary>Rewrites the current version: changes nothing, but fails if the store is not writable.</summary>
    public static void Rewrite(SqliteConnection connection, SqliteTransaction transaction)
    {
        connection.Execute($"PRAGMA user_version = {Version}", transaction);
    }

    /// <summary>Migrates the database to <see cref="Version"/>, one transaction per step.</summary>
    /// <exception cref="StoreException">The schema is newer than this version, or the database belongs to another program.</exception>
    public static void Migrate(SqliteConnection connection, string path)
    {
        var version = (long)connection.Scalar("PRAGMA user_version")!;
        var application = (long)connection.Scalar("PRAGMA application_id")!;
        var isEmpty = (long)connection.Scalar("SELECT count(*) FROM sqlite_schema")! == 0;
        if (!isEmpty && application != ApplicationId)
        {
            throw StoreErrors.Damaged(path, detail: "another program's database");
        }

        if (version > Version)
        {
            throw StoreErrors.Newer(path, version, Version);
        }

        if (version > 0 && version < Version)
        {
            StoreCopies.Keep(connection, path, version);
        }

        for (; version < Version; version++)
        {
            using var transaction = connection.BeginTransaction(deferred: false);
            connection.Execute($"{Migrations[version]}\nPRAGMA application_id = {ApplicationId};\nPRAGMA user_version = {version + 1};",
                transaction);
            transaction.Commit();
        }
    }
}

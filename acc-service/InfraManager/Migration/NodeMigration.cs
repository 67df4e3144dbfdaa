using System.Globalization;
using ACCOffload.InfraManager.Configuration;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Store;
using ACCOffload.NativeInterop.Syscalls;
using Microsoft.Extensions.Logging.Abstractions;

namespace ACCOffload.InfraManager.Migration;

/// <summary>
/// Takes over a node from 24.01's manager: our configuration, and a database from which InfraManager compiles the rows that the target
/// already has.
/// </summary>
internal sealed class NodeMigration
{
    private const string DraftName = "the printed configuration";

    private readonly NetworkModel _model;

    private NodeMigration(byte[] configuration, NetworkModel model, Remarks remarks, string summary)
    {
        Configuration = configuration;
        _model = model;
        Remarks = remarks.Lines;
        Summary = summary;
    }

    /// <summary>Our configuration, JSON.</summary>
    public byte[] Configuration { get; }

    /// <summary>What the operator has to know.</summary>
    public IReadOnlyList<string> Remarks { get; }

    /// <summary>What is taken over, in one line.</summary>
    public string Summary { get; }

    /// <summary>Reads everything and writes nothing.</summary>
    /// <exception cref="MigrationException">The node cannot be taken over.</exception>
    /// <exception cref="ConfigurationException">The configuration would be invalid.</exception>
    public static NodeMigration Read(MigrationOptions options, TimeProvider time)
    {
        var remarks = new Remarks();
        var config = ManagerConfig.Read(options.ConfigFile, remarks);
        var database = ManagerDatabase.Read(options, remarks);
        var node = ImportedNode.Of(database, options, remarks);
        var fingerprint = AgentCertificate.Fingerprint(options.AgentCertificate, config.Ca, time.GetUtcNow(), remarks);
        var text = ConfigurationDraft.Create(config, node, options, fingerprint, remarks);
        var settings = SettingsLoader.Parse(DraftName, text);
        var model = new StateImport(settings.Node, new AgentDevices(options.AgentFolder), remarks).Create(node, database.Services);
        return new NodeMigration(text, model, remarks, Summarize(model, database));
    }

    /// <summary>
    /// Writes the database, all or nothing. It gets the owner of its folder, so that root can run this for the service's user.
    /// </summary>
    /// <exception cref="MigrationException">There is a database that is not empty.</exception>
    /// <exception cref="StoreException">It cannot be written.</exception>
    /// <exception cref="LinuxException">Its owner cannot be changed.</exception>
    public void WriteStore(string path)
    {
        using (var store = SqliteStore.Open(path, NullLogger.Instance))
        {
            if (store.Load().Tables.FirstOrDefault(t => !t.IsEmpty) is { } used)
            {
                throw new MigrationException(
                    $"{path} has rows in its table {used.Name}: InfraManager has been used with it; to start over, "
                    + "stop InfraManager and move the file away");
            }

            store.Commit(_model);
            store.Checkpoint();
        }

        FileOwner.CopyFrom(Path.GetDirectoryName(Path.GetFullPath(path))!, path);
    }

    private static string Summarize(NetworkModel model, ManagerDatabase database)
    {
        var pods = model.Endpoints.Values.Count(e => e.Spec.Kind == EndpointKind.Pod);
        var host = model.Endpoints.Host is null ? "" : " and the host's interface";
        var written = database.WrittenAt is { } time
            ? string.Create(CultureInfo.InvariantCulture, $", as 24.01's manager wrote them at {time:yyyy-MM-dd HH:mm:ss'Z'}")
            : "";
        return $"{pods} pods{host}, {model.Services.Count} services{written}";
    }
}

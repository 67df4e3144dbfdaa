using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace ACCOffload.InfraManager.Migration;

/// <summary>
/// The databases of 24.01's manager: JSON files that it writes when it stops in order, and only then. A missing or empty file is an empty
/// database, as for that manager.
/// </summary>
/// <param name="Endpoints">The endpoints, without those that the operator leaves out.</param>
/// <param name="Services">The services.</param>
/// <param name="Host">The host's interface; null if the agent never set it up.</param>
/// <param name="WrittenAt">When the endpoints were written; null if there is no such file.</param>
internal sealed record ManagerDatabase(
    IReadOnlyList<EndpointRecord> Endpoints, IReadOnlyList<ServiceRecord> Services, InterfaceRecord? Host, DateTimeOffset? WrittenAt)
{
    private const long MaxFileBytes = 64 << 20;
    private const string EndpointName = "cni_db.json";
    private const string ServiceName = "services_db.json";
    private const string SetupName = "setup_db.json";
    private const string PolicyName = "policy_db.json";

    /// <exception cref="MigrationException">A file cannot be read or is invalid.</exception>
    public static ManagerDatabase Read(MigrationOptions options, Remarks remarks)
    {
        var endpointFile = options.EndpointFile ?? Path.Combine(options.DatabaseFolder, EndpointName);
        var serviceFile = options.ServiceFile ?? Path.Combine(options.DatabaseFolder, ServiceName);
        var endpoints = Load(endpointFile, RecordJson.Default.DictionaryStringEndpointRecord, options.EndpointFile is not null) ?? [];
        var services = Load(serviceFile, RecordJson.Default.DictionaryStringServiceRecord, options.ServiceFile is not null) ?? [];
        var setup = Load(Path.Combine(options.DatabaseFolder, SetupName), RecordJson.Default.SetupRecord, required: false);
        CheckKeys(endpointFile, endpoints, e => e.PodIpAddress);
        CheckKeys(serviceFile, services, s => $"{s.ClusterIp}:{s.Proto}:{s.Port}");
        if (endpoints.Count == 0)
        {
            remarks.Add($"{endpointFile} has no endpoints: 24.01's manager writes it only when it is stopped with SIGTERM; if pods are "
                + "running, start it again and stop it so, or they lose their traffic");
        }

        if (Load(Path.Combine(options.DatabaseFolder, PolicyName)) is { Length: > 2 })
        {
            remarks.Add(
                $"{Path.Combine(options.DatabaseFolder, PolicyName)} has policies: InfraManager neither reads nor removes their rows, "
                + "which stay in force until infrap4d restarts (docs/migration.md)");
        }

        return new ManagerDatabase(
            [.. endpoints.Values.OrderBy(e => e.PodIpAddress, StringComparer.Ordinal)],
            [.. services.Values.OrderBy(s => s.GroupID)],
            setup?.HostInterface is { Ip.Length: > 0, Mac.Length: > 0 } host ? host : null,
            File.Exists(endpointFile) ? File.GetLastWriteTimeUtc(endpointFile) : null);
    }

    private static T? Load<T>(string file, JsonTypeInfo<T> type, bool required)
        where T : class
    {
        var text = Load(file);
        if (text is null && required)
        {
            throw new MigrationException($"{file} does not exist; name the file that 24.01's manager wrote");
        }

        try
        {
            return text is null || text.Length == 0 ? null : JsonSerializer.Deserialize(text, type);
        }
        catch (JsonException e)
        {
            throw new MigrationException(
                $"{file} is not as 24.01's manager writes it: {e.Message.Split(" LineNumber:")[0].ReplaceLineEndings(" ")}", e);
        }
    }

    /// <summary>The contents of a file; null if it does not exist.</summary>
    private static byte[]? Load(string file)
    {
        try
        {
            return new FileInfo(file).Length <= MaxFileBytes
                ? File.ReadAllBytes(file)
                : throw new MigrationException($"{file} is larger than {MaxFileBytes >> 20} MiB, so it is not of 24.01's manager");
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MigrationException($"{file} cannot be read: {e.Message.ReplaceLineEndings(" ")}; run this as root", e);
        }
    }

    private static void CheckKeys<T>(string file, Dictionary<string, T> records, Func<T, string> keyOf)
    {
        foreach (var (key, record) in records)
        {
            if (record is null || keyOf(record) != key)
            {
                throw new MigrationException($"{file} is not as 24.01's manager writes it: the entry \"{ConfigurationError.OneLine(key)}\" "
                    + "describes something else");
            }
        }
    }
}

using System.Text.Json;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.Migration;

/// <summary>
/// The devices that 24.01's agent has given away, from its folder: one file for each, in a folder for each interface type. The manager does
/// not store the names of devices.
/// </summary>
internal sealed class AgentDevices
{
    private const int MaxFiles = 8192;
    private const int MaxFileBytes = 4096;
    private readonly Dictionary<MacAddress, string> _names = [];

    /// <param name="folder">The agent's folder; it need not exist.</param>
    /// <exception cref="MigrationException">It cannot be read, a file is invalid, or two devices have one MAC address.</exception>
    public AgentDevices(string folder)
    {
        Folder = folder;
        foreach (var file in FilesOf(folder))
        {
            var device = Read(file);
            if (!MacAddress.TryParse(device.Mac, out var mac))
            {
                throw new MigrationException($"{file}: \"{ConfigurationError.OneLine(device.Mac)}\" is not a MAC address");
            }

            if (!_names.TryAdd(mac, device.InterfaceName) && _names[mac] != device.InterfaceName)
            {
                throw new MigrationException(
                    $"{folder}: {_names[mac]} and {ConfigurationError.OneLine(device.InterfaceName)} both have the "
                    + $"MAC address {mac}; remove the file of the one that no longer exists");
            }
        }
    }

    public string Folder { get; }

    public bool IsEmpty => _names.Count == 0;

    /// <summary>The host's name of the device with this MAC address; null if the agent has none.</summary>
    public string? NameOf(MacAddress mac) => _names.GetValueOrDefault(mac);

    private static List<string> FilesOf(string folder)
    {
        try
        {
            List<string> files = Directory.Exists(folder)
                ? [.. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Take(MaxFiles + 1)]
                : [];
            return files.Count <= MaxFiles
                ? files
                : throw new MigrationException($"{folder} has more than {MaxFiles} files, so it is not the folder of 24.01's agent");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MigrationException($"{folder} cannot be read: {e.Message.ReplaceLineEndings(" ")}; run this as root", e);
        }
    }

    private static AgentDeviceRecord Read(string file)
    {
        try
        {
            return (new FileInfo(file).Length <= MaxFileBytes
                ? JsonSerializer.Deserialize(File.ReadAllBytes(file), RecordJson.Default.AgentDeviceRecord)
                : null) ?? throw new MigrationException($"{file} is not as 24.01's agent writes it");
        }
        catch (JsonException e)
        {
            throw new MigrationException(
                $"{file} is not as 24.01's agent writes it: {e.Message.Split(" LineNumber:")[0].ReplaceLineEndings(" ")}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MigrationException($"{file} cannot be read: {e.Message.ReplaceLineEndings(" ")}; run this as root", e);
        }
    }
}

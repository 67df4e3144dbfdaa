using System.Globalization;

namespace ACCOffload.HostStub.Wire;

/// <summary>
/// Files that hold DEL requests until the agent can process them. Each attachment has one file, so a repeated DEL overwrites it.
/// </summary>
internal static class PendingFiles
{
    /// <summary>Maximum number of files.</summary>
    public const int MaxFiles = 4096;

    /// <summary>Maximum total size of the files, in bytes.</summary>
    public const long MaxBytes = 64 * 1024 * 1024;

    /// <summary>Prefix of files that are being written.</summary>
    public const string UnfinishedPrefix = ".new-";

    private const int MaxReadableChars = 64;

    /// <summary>
    /// The file name for an attachment: the container ID and interface name for readability, and a hash of the whole key. The hash is not
    /// cryptographic, because loading a library for that would slow down the plugin.
    /// </summary>
    public static string NameOf(string network, string containerId, string interfaceName)
    {
        var readable = containerId.Length <= MaxReadableChars ? containerId : containerId[..MaxReadableChars];
        var key = $"{network}\0{containerId}\0{interfaceName}";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{readable}.{interfaceName}.{Hash(key, 14695981039346656037):x16}{Hash(key, 7809847782465536322):x16}");
    }

    // FNV-1a over the characters.
    private static ulong Hash(string text, ulong hash)
    {
        foreach (var c in text)
        {
            hash = (hash ^ c) * 1099511628211;
        }

        return hash;
    }
}

using System.Globalization;

namespace ACCOffload.HostStub.Wire;

/// <summary>The files of DELs that wait for the agent. There is one file for each attachment, so that a repeated DEL replaces it.</summary>
internal static class PendingFiles
{
    /// <summary>Maximum number of files.</summary>
    public const int MaxFiles = 4096;

    /// <summary>Maximum size of all files, in bytes.</summary>
    public const long MaxBytes = 64 * 1024 * 1024;

    /// <summary>Prefix of files that are being written.</summary>
    public const string UnfinishedPrefix = ".new-";

    private const int ReadableDigits = 64;

    /// <summary>
    /// The name for an attachment: container ID and interface for readability, and a hash of the whole key. The hash is not cryptographic,
    /// because loading a library for that would slow down the plugin.
    /// </summary>
    public static string NameOf(string network, string containerId, string interfaceName)
    {
        var readable = containerId.Length <= ReadableDigits ? containerId : containerId[..ReadableDigits];
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

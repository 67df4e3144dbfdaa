using System.Globalization;

namespace ACCOffload.HostStub.Wire;

/// <summary>File names of removals that wait for the agent. One of each attachment, so that repeated DELs are one file.</summary>
internal static class PendingName
{
    /// <summary>Most files, and bytes in them, that wait at once.</summary>
    public const int MostFiles = 4096;

    /// <summary>As <see cref="MostFiles"/>.</summary>
    public const long MostBytes = 64 * 1024 * 1024;

    /// <summary>Files with this prefix are being written.</summary>
    public const string Unfinished = ".new-";

    private const int ReadableDigits = 64;

    /// <summary>The container's id and the interface for people, and a hash that tells the rest apart. Not a cryptographic one: that would cost the plugin the time to load a library.</summary>
    public static string For(string network, string containerId, string interfaceName)
    {
        var readable = containerId.Length <= ReadableDigits ? containerId : containerId[..ReadableDigits];
        var key = $"{network}\0{containerId}\0{interfaceName}";
        return string.Create(CultureInfo.InvariantCulture, $"{readable}.{interfaceName}.{Hash(key, 14695981039346656037):x16}{Hash(key, 7809847782465536322):x16}");
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

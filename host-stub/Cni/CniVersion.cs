namespace ACCOffload.HostStub.Cni;

/// <summary>The versions of the specification that we speak, oldest first.</summary>
internal enum CniVersion
{
    /// <summary>Its results have the form of 0.3.1.</summary>
    V030,
    V031,
    V040,
    V100,
    V110,
}

internal static class CniVersions
{
    public const CniVersion Newest = CniVersion.V110;

    /// <summary>The newest version that a delegated plugin is spoken to in: Debian's plugins know no newer one.</summary>
    public const CniVersion NewestDelegate = CniVersion.V100;

    private static readonly string[] Names = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];

    public static ReadOnlySpan<string> All => Names;

    public static string Text(this CniVersion version) => Names[(int)version];

    public static bool TryParse(string text, out CniVersion version)
    {
        var index = Array.IndexOf(Names, text);
        version = index < 0 ? default : (CniVersion)index;
        return index >= 0;
    }

    /// <summary>The version of a configuration; error 1 tells what was asked and what there is.</summary>
    public static CniVersion Parse(string text)
    {
        if (TryParse(text, out var version))
        {
            return version;
        }

        var asked = text.Length == 0 ? "no cniVersion (that is 0.1.0)" : $"cniVersion \"{text}\"";
        throw new CniException(CniErrorCode.IncompatibleVersion, "incompatible CNI versions", $"the configuration asks for {asked}, the plugin supports {string.Join(", ", Names)}");
    }

    /// <summary>Error 1 where a command came later than the configuration's version.</summary>
    public static void RequireFor(string command, CniVersion version)
    {
        var since = command switch { "CHECK" => CniVersion.V040, "GC" or "STATUS" => CniVersion.V110, _ => CniVersion.V030 };
        if (version < since)
        {
            throw new CniException(CniErrorCode.IncompatibleVersion, $"cniVersion {version.Text()} does not allow {command}", $"{command} came with {since.Text()}");
        }
    }
}

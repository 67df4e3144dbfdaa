namespace ACCOffload.HostStub.Cni;

/// <summary>The supported versions of the specification, oldest first.</summary>
internal enum CniVersion
{
    /// <summary>Its results have the same form as in 0.3.1.</summary>
    V030,
    V031,
    V040,
    V100,
    V110,
}

internal static class CniVersions
{
    public const CniVersion Newest = CniVersion.V110;

    /// <summary>The newest version used with delegated plugins: the plugins in Debian support no newer one.</summary>
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

    /// <summary>Parses the version of a configuration.</summary>
    /// <exception cref="CniException">Error 1: not supported; names the requested and the supported versions.</exception>
    public static CniVersion Parse(string text)
    {
        if (TryParse(text, out var version))
        {
            return version;
        }

        var requested = text.Length == 0 ? "version 0.1.0 (it has no cniVersion)" : $"cniVersion \"{text}\"";
        throw new CniException(
            CniErrorCode.IncompatibleVersion,
            "incompatible CNI versions",
            $"the configuration asks for {requested}, the plugin supports {string.Join(", ", Names)}");
    }

    /// <summary>Checks that a command exists in a version.</summary>
    /// <exception cref="CniException">Error 1: the command was added in a later version.</exception>
    public static void RequireFor(string command, CniVersion version)
    {
        var since = command switch { "CHECK" => CniVersion.V040, "GC" or "STATUS" => CniVersion.V110, _ => CniVersion.V030 };
        if (version < since)
        {
            throw new CniException(
                CniErrorCode.IncompatibleVersion,
                $"cniVersion {version.Text()} does not have {command}",
                $"{command} was added in {since.Text()}");
        }
    }
}

using ACCOffload.Protos;

namespace ACCOffload.HostStub.Cni;

/// <summary>The CNI_* variables of a call. The checks are those of the reference library, and some stricter ones.</summary>
internal sealed class CniEnvironment
{
    private const int MaxInterfaceName = 15;

    private CniEnvironment(string command, Func<string, string?> get)
    {
        Command = command;
        ContainerId = get("CNI_CONTAINERID") ?? "";
        NetNs = get("CNI_NETNS") ?? "";
        InterfaceName = get("CNI_IFNAME") ?? "";
        Args = get("CNI_ARGS") ?? "";
        Path = get("CNI_PATH") ?? "";
        var overriding = get("CNI_NETNS_OVERRIDE") ?? "";
        NetNsOverride = overriding == "1" || overriding.Equals("true", StringComparison.OrdinalIgnoreCase);
    }

    public string Command { get; }

    public string ContainerId { get; }

    public string NetNs { get; }

    public string InterfaceName { get; }

    public string Args { get; }

    public string Path { get; }

    /// <summary>
    /// The variable with an invalid name, if this is a DEL: no ADD accepts such a name, so there is nothing to remove. Empty for other
    /// calls.
    /// </summary>
    public string InvalidName { get; private set; } = "";

    /// <summary>The runtime permits CNI_NETNS to be the plugin's own namespace.</summary>
    public bool NetNsOverride { get; }

    /// <summary>Reads and checks the variables.</summary>
    /// <exception cref="CniException">Error 4: names all missing variables, or the first one that is not valid.</exception>
    public static CniEnvironment Read(Func<string, string?> get)
    {
        var command = get("CNI_COMMAND") ?? "";
        if (command is not ("ADD" or "DEL" or "CHECK" or "GC" or "STATUS" or "VERSION"))
        {
            throw new CniException(
                CniErrorCode.InvalidEnvironment,
                command.Length == 0 ? "CNI_COMMAND is missing" : $"CNI_COMMAND \"{Truncate(command)}\" is unknown");
        }

        var environment = new CniEnvironment(command, get);
        environment.Check();
        return environment;
    }

    /// <summary>Checks the specification's format of container IDs and network names.</summary>
    public static bool IsValidName(string name)
    {
        if (name.Length == 0 || !char.IsAsciiLetterOrDigit(name[0]))
        {
            return false;
        }

        foreach (var c in name)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('_' or '.' or '-'))
            {
                return false;
            }
        }
        return true;
    }

    /// <summary>An interface name that the kernel accepts unchanged.</summary>
    public static bool IsValidInterfaceName(string name)
    {
        // The kernel refuses "all" and "default", which are directories in /proc/sys/net.
        if (name.Length is 0 or > MaxInterfaceName || name is "." or ".." or "all" or "default")
        {
            return false;
        }

        foreach (var c in name)
        {
            // Characters that the kernel refuses or, with '%', expands; and those that would garble a log line.
            if (c is '/' or ':' or '%' || char.IsWhiteSpace(c) || char.IsControl(c) || c > '~')
            {
                return false;
            }
        }
        return true;
    }

    private void Check()
    {
        var attachment = Command is "ADD" or "DEL" or "CHECK";
        var missing = "";
        if (attachment)
        {
            Require(ref missing, "CNI_CONTAINERID", ContainerId);
            if (Command != "DEL")
            {
                Require(ref missing, "CNI_NETNS", NetNs);
            }

            Require(ref missing, "CNI_IFNAME", InterfaceName);
        }
        if (Command is "ADD" or "CHECK" or "GC")
        {
            Require(ref missing, "CNI_PATH", Path);
        }

        if (missing.Length > 0)
        {
            throw new CniException(CniErrorCode.InvalidEnvironment, $"required environment variables missing: {missing}");
        }

        if (!attachment)
        {
            return;
        }

        if (Command == "DEL")
        {
            InvalidName = !IsContainerId(ContainerId) ? "CNI_CONTAINERID" : !IsValidInterfaceName(InterfaceName) ? "CNI_IFNAME" : "";
            return;
        }
        if (!IsContainerId(ContainerId))
        {
            throw new CniException(
                CniErrorCode.InvalidEnvironment,
                "CNI_CONTAINERID is not valid",
                $"\"{Truncate(ContainerId)}\": a letter or digit, then letters, digits, '_', '.', '-', at most "
                    + $"{ProtocolLimits.MaxNameBytes}");
        }

        if (!IsValidInterfaceName(InterfaceName))
        {
            throw new CniException(
                CniErrorCode.InvalidEnvironment,
                "CNI_IFNAME is not valid",
                $"\"{Truncate(InterfaceName)}\": 1 to {MaxInterfaceName} printable characters without '/', ':', '%' and white space, "
                    + "and not \"all\" or \"default\", which the kernel reserves");
        }

        if (NetNs.Length > 0 && (NetNs[0] != '/' || NetNs.Length > 4096))
        {
            throw new CniException(
                CniErrorCode.InvalidEnvironment, "CNI_NETNS is not valid", $"\"{Truncate(NetNs)}\": an absolute path is needed");
        }
    }

    private static bool IsContainerId(string id) => id.Length <= ProtocolLimits.MaxNameBytes && IsValidName(id);

    private static void Require(ref string missing, string name, string value)
    {
        if (value.Length == 0)
        {
            missing = missing.Length == 0 ? name : missing + ", " + name;
        }
    }

    private static string Truncate(string value) => value.Length <= 80 ? value : value[..80] + "…";
}

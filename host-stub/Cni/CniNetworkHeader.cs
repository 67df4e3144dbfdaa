using System.Text.Json;
using ACCOffload.Protos;

namespace ACCOffload.HostStub.Cni;

/// <summary>
/// The part of a network configuration that the plugin itself reads, in one pass without a document or serializer, because the plugin runs
/// for a few milliseconds. The agent reads the rest.
/// </summary>
internal readonly record struct CniNetworkHeader(string Version, string Name, string Socket, string Pending)
{
    public const string DefaultSocket = "/run/host-stub/agent.sock";

    /// <summary>Where the plugin stores DELs while the agent is not running, for the default socket.</summary>
    public const string DefaultPending = "/var/lib/host-stub/pending";

    /// <summary>A unix socket's path is limited to 108 bytes, including the terminator.</summary>
    public const int MaxSocketPath = 107;

    /// <summary>In bytes; leaves room for a file name.</summary>
    private const int MaxPath = 3072;

    /// <summary>True when no attachment can have this network, because its name is missing, not valid or reserved.</summary>
    public bool HasNoUsableName => !IsUsableName(Name);

    /// <summary>Whether a pod network may have this name.</summary>
    public static bool IsUsableName(string name) => IsNetworkName(name) && name != AttachmentKey.HostNetwork;

    /// <summary>Where the plugin stores DELs while the agent is not running. Plugin and agent use the same default.</summary>
    public static string PendingFor(string socket) => socket == DefaultSocket ? DefaultPending : socket + ".pending";

    public static CniNetworkHeader Read(ReadOnlySpan<byte> json) => Read(json, removal: false);

    /// <summary>For DEL: a value that is not valid counts as missing, because a removal must not fail because of it.</summary>
    public static CniNetworkHeader ReadForRemoval(ReadOnlySpan<byte> json)
    {
        var header = Read(json, removal: true);
        return header with
        {
            Version = CniVersions.TryParse(header.Version, out _) ? header.Version : "",
            Socket = IsPath(header.Socket, MaxSocketPath) ? header.Socket : DefaultSocket,
            Pending = IsPath(header.Pending, MaxPath) ? header.Pending : "",
        };
    }

    private static CniNetworkHeader Read(ReadOnlySpan<byte> json, bool removal)
    {
        string version = "", name = "", socket = DefaultSocket, pending = "";
        try
        {
            var reader = new Utf8JsonReader(json);
            reader.Read();
            if (reader.TokenType != JsonTokenType.StartObject)
            {
                throw new CniException(CniErrorCode.DecodingFailure, "the network configuration on stdin is not a JSON object");
            }

            while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
            {
                if (CniKeys.Matches(ref reader, "cniVersion"u8))
                {
                    version = Text(ref reader, "cniVersion", removal) ?? version;
                }
                else if (CniKeys.Matches(ref reader, "name"u8))
                {
                    name = Text(ref reader, "name", removal) ?? name;
                }
                else if (CniKeys.Matches(ref reader, "socket"u8))
                {
                    socket = Text(ref reader, "socket", removal) ?? socket;
                }
                else if (CniKeys.Matches(ref reader, "pendingDir"u8))
                {
                    pending = Text(ref reader, "pendingDir", removal) ?? pending;
                }
                else
                {
                    reader.Skip();
                }
            }
            // Content after the object is an error.
            reader.Read();
        }
        catch (JsonException e)
        {
            throw new CniException(CniErrorCode.DecodingFailure, "the network configuration on stdin is not valid JSON", e.Message);
        }
        return new CniNetworkHeader(version, name, socket, pending);
    }

    /// <summary>Checks version, command, name and paths.</summary>
    /// <exception cref="CniException">Error 1 or 7.</exception>
    public void Check(string command)
    {
        CniVersions.RequireFor(command, CniVersions.Parse(Version));
        if (Name.Length == 0)
        {
            throw new CniException(CniErrorCode.InvalidNetworkConfig, "name is missing in the network configuration");
        }

        if (!IsNetworkName(Name))
        {
            throw new CniException(
                CniErrorCode.InvalidNetworkConfig,
                "name is not valid in the network configuration",
                $"\"{Name}\": a letter or digit, then letters, digits, '_', '.', '-', at most {ProtocolLimits.MaxNameBytes}");
        }

        if (!IsPath(Socket, MaxSocketPath))
        {
            throw new CniException(
                CniErrorCode.InvalidNetworkConfig,
                "socket is not valid in the network configuration",
                $"\"{Socket}\": an absolute path of at most {MaxSocketPath} bytes is needed");
        }

        if (Pending.Length > 0 && !IsPath(Pending, MaxPath))
        {
            throw new CniException(
                CniErrorCode.InvalidNetworkConfig,
                "pendingDir is not valid in the network configuration",
                $"an absolute path of at most {MaxPath} bytes is needed");
        }
    }

    private static bool IsNetworkName(string name) => name.Length <= ProtocolLimits.MaxNameBytes && CniEnvironment.IsValidName(name);

    private static bool IsPath(string path, int max) =>
        path.Length > 0 && path[0] == '/' && !path.Contains('\0') && System.Text.Encoding.UTF8.GetByteCount(path) <= max;

    // Null counts as missing, as in Go; for a removal, so does a value that is not a string.
    private static string? Text(ref Utf8JsonReader reader, string key, bool removal)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.Null)
        {
            return null;
        }

        if (reader.TokenType != JsonTokenType.String && removal)
        {
            reader.Skip();
            return null;
        }
        if (reader.TokenType != JsonTokenType.String)
        {
            throw new CniException(CniErrorCode.DecodingFailure, $"{key} is not a string in the network configuration");
        }

        try
        {
            return reader.GetString();
        }
        catch (InvalidOperationException)
        {
            // A lone surrogate or broken UTF-8.
            if (removal)
            {
                return null;
            }

            throw new CniException(CniErrorCode.DecodingFailure, $"{key} is not valid text in the network configuration");
        }
    }
}

using System.Text.Json;
using ACCOffload.Protos;

namespace ACCOffload.HostStub.Cni;

/// <summary>
/// What the plugin itself looks at in a network configuration: one pass over the bytes, no document, no serializer,
/// because the plugin lives for a few milliseconds. The agent reads the rest.
/// </summary>
internal readonly record struct CniNetworkHeader(string Version, string Name, string Socket, string Pending)
{
    public const string DefaultSocket = "/run/host-stub/agent.sock";

    /// <summary>Where removals wait for an agent that is away, for the default socket.</summary>
    public const string DefaultPending = "/var/lib/host-stub/pending";

    /// <summary>A unix socket's path has 108 bytes, its end included.</summary>
    public const int MaxSocketPath = 107;

    /// <summary>Bytes that leave room for a file's name below the directory.</summary>
    private const int MaxPath = 3072;

    /// <summary>True when no attachment can have this network: its name is missing, malformed or reserved.</summary>
    public bool NamesNothing => !IsUsableName(Name);

    /// <summary>A name that a network of pods may have.</summary>
    public static bool IsUsableName(string name) => IsNetworkName(name) && name != ACCOffload.HostStub.Cni.AttachmentKey.HostNetwork;

    /// <summary>Where removals wait for an agent that is away; plugin and agent find the same place where nobody configured one.</summary>
    public static string PendingFor(string socket) => socket == DefaultSocket ? DefaultPending : socket + ".pending";

    public static CniNetworkHeader Read(ReadOnlySpan<byte> json) => Read(json, removal: false);

    /// <summary>For DEL: what is not as it should be counts as not given, because a removal must not fail for it.</summary>
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
            // Anything after the object is an error too.
            reader.Read();
        }
        catch (JsonException e)
        {
            throw new CniException(CniErrorCode.DecodingFailure, "the network configuration on stdin is not valid JSON", e.Message);
        }
        return new CniNetworkHeader(version, name, socket, pending);
    }

    /// <summary>Checks version, command and name; errors 1 and 7.</summary>
    public void Check(string command)
    {
        CniVersions.RequireFor(command, CniVersions.Parse(Version));
        if (Name.Length == 0)
        {
            throw new CniException(CniErrorCode.InvalidNetworkConfig, "name is missing in the network configuration");
        }

        if (!IsNetworkName(Name))
        {
            throw new CniException(CniErrorCode.InvalidNetworkConfig, "name is not valid in the network configuration", $"\"{Name}\": a letter or digit, then letters, digits, '_', '.', '-', at most {ProtocolLimits.MaxNameBytes}");
        }

        if (!IsPath(Socket, MaxSocketPath))
        {
            throw new CniException(CniErrorCode.InvalidNetworkConfig, "socket is not valid in the network configuration", $"\"{Socket}\": an absolute path of at most {MaxSocketPath} bytes is needed");
        }

        if (Pending.Length > 0 && !IsPath(Pending, MaxPath))
        {
            throw new CniException(CniErrorCode.InvalidNetworkConfig, "pendingDir is not valid in the network configuration", $"an absolute path of at most {MaxPath} bytes is needed");
        }
    }

    private static bool IsNetworkName(string name) => name.Length <= ProtocolLimits.MaxNameBytes && CniEnvironment.IsValidName(name);

    private static bool IsPath(string path, int most) =>
        path.Length > 0 && path[0] == '/' && !path.Contains('\0') && System.Text.Encoding.UTF8.GetByteCount(path) <= most;

    // Null says nothing, as in Go; for a removal what is no text does not either.
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

using System.Text.Json;
using ACCOffload.Protos;

namespace ACCOffload.HostStub.Cni;

/// <summary>
/// What the plugin itself looks at in a network configuration: one pass over the bytes, no document, no serializer,
/// because the plugin lives for a few milliseconds. The agent reads the rest.
/// </summary>
internal readonly record struct CniNetworkHeader(string Version, string Name, string Socket)
{
    public const string DefaultSocket = "/run/host-stub/agent.sock";

    /// <summary>A unix socket's path has 108 bytes, its end included.</summary>
    public const int MaxSocketPath = 107;

    public static CniNetworkHeader Read(ReadOnlySpan<byte> json)
    {
        string version = "", name = "", socket = DefaultSocket;
        try
        {
            var reader = new Utf8JsonReader(json);
            reader.Read();
            if (reader.TokenType != JsonTokenType.StartObject)
                throw new CniException(CniErrorCode.DecodingFailure, "the network configuration on stdin is not a JSON object");
            while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
            {
                if (CniKeys.Matches(ref reader, "cniVersion"u8))
                    version = Text(ref reader, "cniVersion") ?? version;
                else if (CniKeys.Matches(ref reader, "name"u8))
                    name = Text(ref reader, "name") ?? name;
                else if (CniKeys.Matches(ref reader, "socket"u8))
                    socket = Text(ref reader, "socket") ?? socket;
                else
                    reader.Skip();
            }
            // Anything after the object is an error too.
            reader.Read();
        }
        catch (JsonException e)
        {
            throw new CniException(CniErrorCode.DecodingFailure, "the network configuration on stdin is not valid JSON", e.Message);
        }
        return new CniNetworkHeader(version, name, socket);
    }

    /// <summary>Checks version, command and name; errors 1 and 7.</summary>
    public void Check(string command)
    {
        CniVersions.RequireFor(command, CniVersions.Parse(Version));
        if (Name.Length == 0)
            throw new CniException(CniErrorCode.InvalidNetworkConfig, "name is missing in the network configuration");
        if (Name.Length > ProtocolLimits.MaxNameBytes || !CniEnvironment.IsValidName(Name))
            throw new CniException(CniErrorCode.InvalidNetworkConfig, "name is not valid in the network configuration", $"\"{Name}\": a letter or digit, then letters, digits, '_', '.', '-', at most {ProtocolLimits.MaxNameBytes}");
        if (Socket.Length == 0 || Socket[0] != '/' || Socket.Contains('\0') || System.Text.Encoding.UTF8.GetByteCount(Socket) > MaxSocketPath)
            throw new CniException(CniErrorCode.InvalidNetworkConfig, "socket is not valid in the network configuration", $"\"{Socket}\": an absolute path of at most {MaxSocketPath} bytes is needed");
    }

    // Null says nothing, as in Go.
    private static string? Text(ref Utf8JsonReader reader, string key)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.Null)
            return null;
        if (reader.TokenType != JsonTokenType.String)
            throw new CniException(CniErrorCode.DecodingFailure, $"{key} is not a string in the network configuration");
        try
        {
            return reader.GetString();
        }
        catch (InvalidOperationException)
        {
            // A lone surrogate or broken UTF-8.
            throw new CniException(CniErrorCode.DecodingFailure, $"{key} is not valid text in the network configuration");
        }
    }
}

using System.Text.Json;

namespace ACCOffload.HostStub.Cni;

/// <content>What DEL reads: the network's name and, if the agent has no claim, the IPAM plugin.</content>
internal sealed partial class CniNetworkConfig
{
    /// <summary>Reads what a removal needs. Other content may be malformed, because then the ADD would have failed.</summary>
    /// <exception cref="CniException">Error 6: not valid JSON.</exception>
    public static CniNetworkConfig ForRemoval(ReadOnlyMemory<byte> json)
    {
        var header = CniNetworkHeader.ReadForRemoval(json.Span);
        var version = CniVersions.TryParse(header.Version, out var known) ? known : CniVersions.Newest;
        var config = new CniNetworkConfig(version, header.Name, json);
        try
        {
            using var document = JsonDocument.Parse(json);
            config.IpamType = IpamTypeOf(document.RootElement);
            config.PrevResult = PrevResultOf(document.RootElement);
        }
        catch (JsonException e)
        {
            throw new CniException(CniErrorCode.DecodingFailure, "the network configuration on stdin is not valid JSON", e.Message);
        }
        return config;
    }

    private static string IpamTypeOf(JsonElement root)
    {
        try
        {
            return CniJson.Object(root, "ipam", "") is { } ipam && CniJson.String(ipam, "type", "ipam.") is var type && !type.Contains('/')
                && type is not ("." or "..")
                ? type
                : "";
        }
        catch (CniException)
        {
            return "";
        }
    }

    private static CniResult? PrevResultOf(JsonElement root)
    {
        try
        {
            return CniJson.Object(root, "prevResult", "") is { } previous ? CniResultReader.Read(previous, "prevResult") : null;
        }
        catch (Exception e) when (e is CniException or InvalidOperationException)
        {
            return null;
        }
    }
}

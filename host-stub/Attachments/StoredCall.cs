using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Ipam;

namespace ACCOffload.HostStub.Attachments;

/// <summary>The part of an ADD that a claim keeps, so that the agent can release its address without a DEL.</summary>
internal static class StoredCall
{
    public static string Variables(CniCall call) =>
        string.Join(
            '\n',
            call.Variables.Where(v => (v.Key.StartsWith("CNI_", StringComparison.Ordinal) || v.Key == "PATH") && !v.Value.Contains('\n'))
                .Select(v => $"{v.Key}={v.Value}"));

    /// <summary>
    /// For an adopted claim, which has no configuration: the IPAM plugin comes from the configuration of the removing call.
    /// </summary>
    /// <returns>Null when the claim has its own configuration, or the call's configuration names no IPAM plugin.</returns>
    public static IpamRequest? ToIpam(CniCall call, Claim claim)
    {
        if (!claim.Config.IsEmpty || call.Config.IpamType.Length == 0)
        {
            return null;
        }

        var variables = new Dictionary<string, string>(call.Variables, StringComparer.Ordinal)
        {
            ["CNI_CONTAINERID"] = claim.Key.ContainerId,
            ["CNI_IFNAME"] = claim.Key.InterfaceName,
            ["CNI_NETNS"] = claim.NetNs,
        };
        return call.ToIpam() with { Environment = variables, PrevResult = null };
    }

    /// <returns>Null when the claim has no configuration, or its configuration names no IPAM plugin.</returns>
    public static IpamRequest? ToIpam(Claim claim)
    {
        if (claim.Config.IsEmpty)
        {
            return null;
        }

        var config = CniNetworkConfig.ForRemoval(claim.Config);
        if (config.IpamType.Length == 0)
        {
            return null;
        }

        var variables = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var line in claim.Environment.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = line.IndexOf('=');
            if (equals > 0)
            {
                variables[line[..equals]] = line[(equals + 1)..];
            }
        }
        return new IpamRequest(
            config.IpamType, variables.GetValueOrDefault("CNI_PATH", ""), variables, config.Version, config.Raw, config.PrevResult)
        {
            Network = claim.Key.Network,
        };
    }
}

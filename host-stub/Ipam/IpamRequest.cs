using ACCOffload.HostStub.Cni;

namespace ACCOffload.HostStub.Ipam;

/// <summary>The input of a delegated plugin: the caller's complete environment, and the configuration.</summary>
internal sealed record IpamRequest(
    string Type,
    string Path,
    IReadOnlyDictionary<string, string> Environment,
    CniVersion Version,
    ReadOnlyMemory<byte> Config,
    CniResult? PrevResult)
{
    /// <summary>The network, whose concurrent runs are limited.</summary>
    public string Network { get; init; } = "";

    /// <summary>
    /// The plugin's own result, which its CHECK gets in place of prevResult: the agent's result differs in prefix lengths, gateways and
    /// routes, which the static plugin compares. Null when unknown, as for a claim of an older release.
    /// </summary>
    public CniResult? OwnResult { get; init; }
}

/// <summary>The outcome of a run. The error text is passed to the runtime in any case.</summary>
internal sealed record IpamOutcome(CniResult Result, string ErrorText);

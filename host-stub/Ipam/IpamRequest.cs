using ACCOffload.HostStub.Cni;

namespace ACCOffload.HostStub.Ipam;

/// <summary>What a delegated plugin is run with: the caller's whole environment, and its configuration.</summary>
internal sealed record IpamRequest(string Type, string Path, IReadOnlyDictionary<string, string> Environment, CniVersion Version, ReadOnlyMemory<byte> Config, CniResult? PrevResult)
{
    /// <summary>The network, which has a share of the runs.</summary>
    public string Network { get; init; } = "";

    /// <summary>
    /// What the plugin itself had returned, which its CHECK gets in place of prevResult: ours differs from it in prefix lengths, gateways and routes, and the
    /// static plugin compares them. Null: not known, as for a claim of an older release.
    /// </summary>
    public CniResult? OwnResult { get; init; }
}

/// <summary>What a run gave. The error text goes to the runtime, whatever the outcome.</summary>
internal sealed record IpamOutcome(CniResult Result, string ErrorText);

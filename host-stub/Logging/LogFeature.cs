namespace ACCOffload.HostStub.Logging;

/// <summary>The names that log levels are configured by; each is a logger category.</summary>
internal static class LogFeature
{
    /// <summary>CNI requests and their answers.</summary>
    public const string Cni = "Cni";
    /// <summary>The channel to the ACC, and Sync.</summary>
    public const string Acc = "Acc";
    /// <summary>Devices and the host's interface.</summary>
    public const string Device = "Device";
    /// <summary>Delegated IPAM plugins.</summary>
    public const string Ipam = "Ipam";
    /// <summary>Durable claims.</summary>
    public const string Store = "Store";
    /// <summary>Start, stop, configuration.</summary>
    public const string Host = "Host";

    /// <summary>All of them. What is not ours falls to the last one.</summary>
    public static readonly LogFeatures All = new([Cni, Acc, Device, Ipam, Store, Host], Host, []);
}

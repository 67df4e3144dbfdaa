namespace ACCOffload.HostStub.Logging;

/// <summary>The features whose log level can be configured; each is a logger category.</summary>
internal static class LogFeature
{
    /// <summary>CNI requests and responses.</summary>
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

    /// <summary>All features. Categories of the framework belong to the last one.</summary>
    public static readonly LogFeatures All = new([Cni, Acc, Device, Ipam, Store, Host], Host);
}

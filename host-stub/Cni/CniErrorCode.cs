namespace ACCOffload.HostStub.Cni;

/// <summary>Error codes of the CNI 1.1 specification, section 5.</summary>
internal enum CniErrorCode
{
    IncompatibleVersion = 1,
    UnsupportedField = 2,
    UnknownContainer = 3,
    InvalidEnvironment = 4,
    IoFailure = 5,
    DecodingFailure = 6,
    InvalidNetworkConfig = 7,
    /// <summary>Not in the specification, but used by its reference library for an invalid CNI_NETNS.</summary>
    InvalidNetNs = 8,
    TryAgainLater = 11,
    NotAvailable = 50,
    LimitedConnectivity = 51,
    Internal = 999,
}

namespace ACCOffload.Pipeline.Tests.Support;

/// <summary>Indices of the pipeline's counter <c>drops</c>.</summary>
internal enum DropReason
{
    SpoofedIp = 3,
    SpoofedPod = 5,
    BadChecksum = 6,
    TtlExpired = 7,
    NoRoute = 8,
    Malformed = 11,
    BadSource = 13,
    NotForGateway = 14,
    NoBackend = 16,
    NoLocalBackend = 17,
    SourceRange = 18,
    NoFlow = 19,
    Masquerade = 20,
    ServiceFragment = 21,
    Held = 22,
    Share = 23,
    TinyFragment = 24,
    OverlappingFragment = 25,
    Unassigned = 26,
    BadDestination = 27,
    SpoofedNode = 28,
    Gateway = 29,
    TooBig = 30,
    Truncated = 31,
    Tunnel = 32,
    NoNeighbor = 33,
}

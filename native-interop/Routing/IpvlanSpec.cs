namespace ACCOffload.NativeInterop.Routing;

/// <summary>
/// A link that shares another's Ethernet address and port (ipvlan, layer 2). In VEPA mode what its siblings are sent leaves through the parent, too, so that
/// no two of them talk past whatever is behind it.
/// </summary>
public sealed record IpvlanSpec : UpperLinkSpec;

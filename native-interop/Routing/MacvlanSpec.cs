namespace ACCOffload.NativeInterop.Routing;

/// <summary>
/// The only upper link of another (macvlan, passthru): it has the parent's Ethernet address, and a change of its own changes the parent's. All that the
/// parent receives is its own. It goes with its namespace, and the parent stays where it is.
/// </summary>
public sealed record MacvlanSpec : UpperLinkSpec;

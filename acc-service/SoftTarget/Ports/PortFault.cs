namespace ACCOffload.SoftTarget.Ports;

/// <summary>Why no port's link can be opened.</summary>
/// <param name="Reason">One line; empty while links can be opened.</param>
/// <param name="IsAwaited">The port namespace does not exist yet: ports can be added, and get their links once it does.</param>
internal sealed record PortFault(string Reason, bool IsAwaited)
{
    public static PortFault None { get; } = new("", false);
}

namespace ACCOffload.NativeInterop.Packets;

/// <summary>What became of the link under a <see cref="PacketPort"/>.</summary>
public enum PortLinkState
{
    /// <summary>The link is up: packets flow.</summary>
    Up,
    /// <summary>The link is down; packets flow again when it comes up, nothing has to be reopened.</summary>
    Down,
    /// <summary>The link was deleted or moved to another namespace; the port has to be closed, and opened again when a link of the name appears.</summary>
    Gone,
}

namespace ACCOffload.NativeInterop.Devlink;

/// <summary>How a device's embedded switch works (enum devlink_eswitch_mode).</summary>
public enum DevlinkEswitchMode
{
    /// <summary>By itself; VFs are configured through the PF's rtnetlink attributes.</summary>
    Legacy = 0,
    /// <summary>Programmed by the host through a representor per function.</summary>
    Switchdev = 1,
}

/// <summary>A device's embedded switch.</summary>
/// <param name="Mode">How it works.</param>
/// <param name="InlineMode">How much of a packet the VFs' drivers must inline: 0 none, 1 link, 2 network, 3 transport header; null where the driver does not say.</param>
/// <param name="Encapsulation">Whether it encapsulates; null where the driver does not say.</param>
public sealed record DevlinkEswitch(DevlinkEswitchMode Mode, byte? InlineMode, bool? Encapsulation);

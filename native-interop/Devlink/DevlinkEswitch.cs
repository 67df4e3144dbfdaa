namespace ACCOffload.NativeInterop.Devlink;

/// <summary>Mode of a device's embedded switch (enum devlink_eswitch_mode).</summary>
public enum DevlinkEswitchMode
{
    /// <summary>Forwards on its own; VFs are configured through the PF's rtnetlink attributes.</summary>
    Legacy = 0,
    /// <summary>Programmed by the host, with a representor per function.</summary>
    Switchdev = 1,
}

/// <summary>A device's embedded switch.</summary>
/// <param name="Mode">Its mode.</param>
/// <param name="InlineMode">
/// How much of a packet the VFs' drivers must inline: 0 none, 1 link, 2 network, 3 transport header; null if the driver does not report it.
/// </param>
/// <param name="Encapsulation">Whether encapsulation offload is enabled; null if the driver does not report it.</param>
public sealed record DevlinkEswitch(DevlinkEswitchMode Mode, byte? InlineMode, bool? Encapsulation);

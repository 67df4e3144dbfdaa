namespace ACCOffload.NativeInterop.Packets;

/// <summary>How a TAP is opened (linux/if_tun.h).</summary>
public sealed record TapOptions
{
    /// <summary>Each opening is a queue of its own; all of them must say so.</summary>
    public bool MultiQueue { get; init; }

    /// <summary>The link stays when the last opening is closed. Deleting it, or its namespace, ends it.</summary>
    public bool Persistent { get; init; }

    /// <summary>Packets carry a struct virtio_net_hdr between the kernel and us; it never shows in a <see cref="PacketBatch"/>.</summary>
    public bool VnetHeader { get; init; }
}

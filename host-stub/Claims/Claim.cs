using System.Globalization;
using System.Net;
using ACCOffload.HostStub.Cni;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.HostStub.Claims;

/// <summary>The state of an attachment. The numbers are stored in the database.</summary>
internal enum ClaimState
{
    /// <summary>Recorded before anything was created. Undone after a restart.</summary>
    Adding = 1,
    /// <summary>In memory only (Adding on disk): the ACC may already have it, so Sync must list it.</summary>
    Attaching = 2,
    /// <summary>Complete.</summary>
    Attached = 3,
    /// <summary>Being removed. Continued after a restart.</summary>
    Deleting = 4,
    /// <summary>Nothing is left on the host, but the ACC has not confirmed yet. Forgotten after the next Sync.</summary>
    Released = 5,
}

/// <summary>An attachment, with everything needed to undo it after a restart.</summary>
internal sealed record Claim
{
    public required AttachmentKey Key { get; init; }

    public required ClaimState State { get; init; }

    public required string DeviceKind { get; init; }

    /// <summary>The device, if it outlives the attachment; empty if it was created for it.</summary>
    public string Device { get; init; } = "";

    /// <summary>The original state of the device; null if it was created for the attachment.</summary>
    public LinkOrigin? Origin { get; init; }

    /// <summary>Name of the data-plane end, which is also the port's name on the target.</summary>
    public required string PortName { get; init; }

    public required MacAddress Mac { get; init; }

    public required int Mtu { get; init; }

    public IReadOnlyList<IPAddress> Addresses { get; init; } = [];

    /// <summary>The pod's host ports.</summary>
    public IReadOnlyList<HostPort> HostPorts { get; init; } = [];

    /// <summary>The pod's routes, to be added again with a restored device.</summary>
    public IReadOnlyList<CniRoute> Routes { get; init; } = [];

    public string NetNs { get; init; } = "";

    public string PodNamespace { get; init; } = "";

    public string PodName { get; init; } = "";

    public string PodUid { get; init; } = "";

    /// <summary>The agent's epoch in which the claim last changed.</summary>
    public ulong Epoch { get; init; }

    public ulong Sequence { get; init; }

    /// <summary>CNI variables of the ADD, for the delegated plugin's DEL. Empty for the host's interface.</summary>
    public string Environment { get; init; } = "";

    /// <summary>Network configuration of the ADD, for the delegated plugin's DEL. Empty for the host's interface.</summary>
    public ReadOnlyMemory<byte> Config { get; init; }

    public DateTimeOffset Created { get; init; }

    /// <summary>The result of the IPAM plugin's ADD, for its CHECK; null for a claim of an older release, and without a plugin.</summary>
    public CniResult? IpamResult { get; init; }

    /// <summary>The routing table in the pod's namespace for packets from these addresses; 0 for the main table.</summary>
    public int SourceTable { get; init; }

    /// <summary>In memory only: the device disappeared without a DEL, for example with the pod's namespace.</summary>
    public bool Vanished { get; init; }

    /// <summary>In memory only: the pod's namespace is gone and the device is back in its pool. The DEL has no device to remove.</summary>
    public bool PodGone { get; init; }

    /// <summary>The claim with the port that the ACC assigned; an ACC of an earlier release assigns none.</summary>
    public Claim WithPort(Protos.V1.AttachReply reply) =>
        reply.PortName.Length == 0 || reply.PortName == PortName ? this : this with { PortName = reply.PortName };

    /// <summary>All values of <see cref="StateName"/>.</summary>
    public static IReadOnlyList<string> StateNames { get; } = ["adding", "attached", "deleting", "released", "vanished"];

    /// <summary>The state as status output and metrics show it.</summary>
    public string StateName => Vanished ? "vanished" : State switch
    {
        ClaimState.Adding or ClaimState.Attaching => "adding",
        ClaimState.Attached => "attached",
        ClaimState.Deleting => "deleting",
        _ => "released",
    };

    public bool IsHost => Key.Network == AttachmentKey.HostNetwork;
}

/// <summary>
/// The original state of a host's link that a pod uses, to be restored afterwards. It is stored with the claim and not on the link, where
/// the pod could change it.
/// </summary>
/// <param name="Name">Name in the host's namespace.</param>
/// <param name="Mtu">MTU in bytes; 0 to leave it as it is.</param>
/// <param name="Mac">Ethernet address; zero to leave it as it is.</param>
internal sealed record LinkOrigin(string Name, int Mtu, MacAddress Mac)
{
    /// <summary>The form in the database. No link name contains a slash.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Name}/{Mtu}/{Mac}");

    public static LinkOrigin? Parse(string text) =>
        text.Split('/') is [{ Length: > 0 } name, var mtu, var mac]
        && int.TryParse(mtu, NumberStyles.None, CultureInfo.InvariantCulture, out var bytes) && MacAddress.TryParse(mac, out var address)
            ? new LinkOrigin(name, bytes, address)
            : null;
}

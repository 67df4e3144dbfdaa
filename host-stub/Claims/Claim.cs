using System.Net;
using ACCOffload.HostStub.Cni;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.HostStub.Claims;

/// <summary>How far an attachment is. The numbers are in the database.</summary>
internal enum ClaimState
{
    /// <summary>Recorded before anything was made. Found at a start: undo.</summary>
    Adding = 1,
    /// <summary>In memory only (durably still Adding): the ACC may have been told, so Sync has to list it.</summary>
    Attaching = 2,
    /// <summary>Made and answered, or about to be.</summary>
    Attached = 3,
    /// <summary>Being removed. Found at a start: finish.</summary>
    Deleting = 4,
    /// <summary>Nothing is left on the host; the ACC has not confirmed yet. Goes with the next Sync.</summary>
    Released = 5,
}

/// <summary>One attachment: what was promised, and all that is needed to undo it after a restart.</summary>
internal sealed record Claim
{
    public required AttachmentKey Key { get; init; }

    public required ClaimState State { get; init; }

    public required string DeviceKind { get; init; }

    /// <summary>The device itself, where it is there before and after the attachment; empty where it was made for it.</summary>
    public string Device { get; init; } = "";

    /// <summary>What the device was before, to be made so again; null where it was made for the attachment.</summary>
    public LinkOrigin? Origin { get; init; }

    /// <summary>Name of the data-plane end, which is the port's name on the target.</summary>
    public required string PortName { get; init; }

    public required MacAddress Mac { get; init; }

    public required int Mtu { get; init; }

    public IReadOnlyList<IPAddress> Addresses { get; init; } = [];

    /// <summary>The pod's routes, to be made again where the device is.</summary>
    public IReadOnlyList<CniRoute> Routes { get; init; } = [];

    public string NetNs { get; init; } = "";

    public string PodNamespace { get; init; } = "";

    public string PodName { get; init; } = "";

    public string PodUid { get; init; } = "";

    /// <summary>The agent's start in which the claim last changed.</summary>
    public ulong Epoch { get; init; }

    public ulong Sequence { get; init; }

    /// <summary>CNI variables and configuration of the ADD, for the delegated plugin's DEL. Empty for the host's interface.</summary>
    public string Environment { get; init; } = "";

    public ReadOnlyMemory<byte> Config { get; init; }

    public DateTimeOffset Created { get; init; }

    /// <summary>What the IPAM plugin's ADD had returned, for its CHECK; null for a claim of an older release, and where nobody was asked.</summary>
    public CniResult? IpamResult { get; init; }

    /// <summary>The routing table of the pod's namespace that packets from these addresses use; 0: the main one.</summary>
    public int SourceTable { get; init; }

    /// <summary>In memory only: the device went without a DEL, for example with the pod's namespace.</summary>
    public bool Vanished { get; init; }

    /// <summary>In memory only: vanished with the pod's namespace, and the device is back. It is nobody's, and the DEL has nothing to take away.</summary>
    public bool PodGone { get; init; }

    /// <summary>The claim with the port that the ACC lent it; an ACC of an earlier release lends none.</summary>
    public Claim WithPort(Protos.V1.AttachReply reply) => reply.PortName.Length == 0 || reply.PortName == PortName ? this : this with { PortName = reply.PortName };

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

using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.Protos;

namespace ACCOffload.InfraManager.State.Node;

/// <summary>How the pipeline number of a port is determined.</summary>
internal enum PortRule
{
    /// <summary>The target reports it over gNMI: the soft target and P4-DPDK.</summary>
    Gnmi,

    /// <summary>
    /// It is the second byte of the device's MAC address, which is the VSI number, plus 16: the hardware package of release 24.01.
    /// </summary>
    Mac,
}

/// <summary>A range of MAC addresses: all addresses with the same leading <paramref name="PrefixLength"/> bits.</summary>
internal readonly record struct MacRange(MacAddress Base, int PrefixLength)
{
    private ulong Mask => PrefixLength == 0 ? 0 : ~0UL << (48 - PrefixLength) & 0xffff_ffff_ffff;

    public bool Contains(MacAddress mac) => ((mac.Value ^ Base.Value) & Mask) == 0;

    public override string ToString() => $"{Base}/{PrefixLength}";
}

/// <summary>
/// Which devices the host may attach, as configured on the ACC; the host has no say in it. An empty list allows everything.
/// </summary>
internal sealed record DeviceRules
{
    /// <summary>The number of vports that the hardware of release 24.01 supports.</summary>
    public const int MaxVports = 254;

    public static readonly DeviceRules None = new();

    public IReadOnlyList<DeviceKind> Kinds { get; init; } = [];

    /// <summary>Port names; a trailing * matches any suffix.</summary>
    public IReadOnlyList<string> Ports { get; init; } = [];

    public IReadOnlyList<MacRange> Macs { get; init; } = [];

    public PortRule PortRule { get; init; }

    /// <summary>The maximum number of ports in use by endpoints; 0: no limit beyond the target's own.</summary>
    public int MaxPorts { get; init; }

    /// <summary>The ports of Target:Ports that are lent to attachments; empty where each attachment gets a port of its own.</summary>
    public IReadOnlyList<string> Pool { get; init; } = [];

    /// <summary>The pool ports that none of these endpoints uses, in configuration order.</summary>
    public IEnumerable<string> FreePorts(IEnumerable<EndpointSpec> endpoints) =>
        Pool.Except(endpoints.Select(e => e.PortName), StringComparer.Ordinal);

    /// <summary>
    /// Whether the attachment is to get a free pool port: its agent generated a placeholder name. Once a port is lent, the spec names it.
    /// </summary>
    public bool NeedsPoolPort(EndpointSpec spec) => UsesPool(spec) && AgentPortName.Is(spec.PortName);

    /// <exception cref="IntentException">PERMISSION_DENIED, or INVALID_ARGUMENT for a port that the target cannot provide; names the
    /// field.</exception>
    public void Check(EndpointSpec spec)
    {
        if (Kinds.Count > 0 && !Kinds.Contains(spec.Device))
        {
            throw Denied("device.kind", $"{DeviceKinds.NameOf(spec.Device)} is not among Devices:Kinds of the ACC's configuration");
        }

        if (Ports.Count > 0 && !UsesPool(spec) && !Ports.Any(p => Matches(p, spec.PortName)))
        {
            throw Denied("device.port_name", $"{spec.PortName} is not among Devices:Ports of the ACC's configuration");
        }

        if (UsesPool(spec) && !NeedsPoolPort(spec) && !Pool.Contains(spec.PortName))
        {
            throw IntentException.Invalid("device.port_name", $"{spec.PortName} is not among Target:Ports of the ACC's configuration");
        }

        if (Macs.Count > 0 && !Macs.Any(r => r.Contains(spec.Mac)))
        {
            throw Denied("device.mac", $"{spec.Mac} is not among Devices:Macs of the ACC's configuration");
        }
    }

    private bool UsesPool(EndpointSpec spec) => Pool.Count > 0 && spec is { Device: DeviceKind.Tap, Origin: ApiOrigin.Offload };

    private static bool Matches(string pattern, string name) =>
        pattern.EndsWith('*') ? name.StartsWith(pattern[..^1], StringComparison.Ordinal) : pattern == name;

    private static IntentException Denied(string field, string message) => new(IntentError.PermissionDenied, message, field);
}

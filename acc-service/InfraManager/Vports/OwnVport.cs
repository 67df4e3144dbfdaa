using ACCOffload.InfraManager.Configuration;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.Vports;

/// <summary>A link of the ACC's own, for display.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Mac">Null where the driver gives it.</param>
/// <param name="Use">What it is for.</param>
internal sealed record OwnVport(string Name, MacAddress? Mac, string Use)
{
    public const string Subfunction = "subfunction", Arp = "arp";

    /// <summary>Those that the configuration names; one that answers ARP has the gateway's address.</summary>
    public static IReadOnlyList<OwnVport> Of(Settings settings)
    {
        var own = settings.Subfunctions.OrderBy(s => s.Key, StringComparer.Ordinal)
            .Where(s => s.Key != settings.ArpProxy.Interface).Select(s => new OwnVport(s.Key, s.Value.Mac, Subfunction));
        return [.. own, .. settings.ArpProxy.Interface is { } arp ? [new OwnVport(arp, settings.Node.GatewayMac, Arp)] : Array.Empty<OwnVport>()];
    }
}

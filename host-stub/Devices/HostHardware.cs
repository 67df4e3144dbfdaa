using ACCOffload.NativeInterop.Devlink;
using ACCOffload.NativeInterop.Pci;
using ACCOffload.NativeInterop.Routing;

namespace ACCOffload.HostStub.Devices;

/// <summary>The host's buses: this machine's, or a test's.</summary>
/// <param name="Bus">PCI devices and their functions, from sysfs.</param>
/// <param name="OpenDevlink">Opens devlink for a few requests.</param>
/// <param name="OpenLinks">Opens rtnetlink in the host's namespace for a few requests.</param>
internal sealed record HostHardware(PciBus Bus, Func<DevlinkClient> OpenDevlink, Func<RouteNetlink> OpenLinks)
{
    public static HostHardware OfThisMachine => new(new PciBus(), static () => DevlinkClient.Open(), static () => RouteNetlink.Open());

    /// <summary>The first of these names that is a link here: sysfs may still list a link that has moved to another namespace.</summary>
    public static LinkInfo? FirstLink(IEnumerable<string> names, RouteNetlink links) =>
        names.Select(links.GetLink).FirstOrDefault(l => l is not null);
}

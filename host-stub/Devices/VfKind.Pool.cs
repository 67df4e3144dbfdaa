using System.Globalization;
using ACCOffload.NativeInterop.Pci;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.HostStub.Devices;

/// <content>Finds the physical functions, and creates the configured number of virtual ones.</content>
internal sealed partial class VfKind
{
    public IReadOnlyList<PoolStep> PoolSteps(IReadOnlySet<string> inUse, IReadOnlySet<string> quarantined)
    {
        lock (_lock)
        {
            _physical = null;
        }

        if (config.Count == 0)
        {
            return [];
        }

        var steps = new List<PoolStep>();
        foreach (var physical in Physical())
        {
            if (hardware.Bus.Sriov(physical) is not { } state || state.Current == config.Count)
            {
                continue;
            }

            if (state.Total < config.Count)
            {
                steps.Add(new PoolStep(
                    physical,
                    () =>
                        throw new LinuxException(
                            $"create {config.Count} virtual functions on {physical}, which supports {state.Total} at most "
                                + "(Device:Vf:Count)",
                            Errno.EINVAL)));
                continue;
            }
            // The kernel can change the number only after removing all functions, including those that pods use.
            if (state.Current > 0 && hardware.Bus.VirtualFunctions(physical).Any(f => inUse.Contains(f.Address)))
            {
                steps.Add(new PoolStep(
                    physical,
                    () =>
                        throw new LinuxException(
                            $"create {config.Count} virtual functions on {physical}, which has {state.Current} that pods use: remove "
                                + "these pods first",
                            Errno.EBUSY)));
            }
            else
            {
                steps.Add(new PoolStep(physical, () => hardware.Bus.SetVfCount(physical, config.Count)));
            }
        }
        return steps;
    }

    private string[] Physical()
    {
        lock (_lock)
        {
            if (_physical is { Length: > 0 } known)
            {
                return known;
            }

            return _physical = Select(hardware.Bus, config.PhysicalFunctions);
        }
    }

    /// <summary>The addresses of the physical functions that the selectors match.</summary>
    internal static string[] Select(PciBus bus, IReadOnlyList<string> selectors)
    {
        var all = new Lazy<IReadOnlyList<PciDevice>>(bus.All);
        return [.. selectors.SelectMany(s => Select(bus, s, all)).Distinct()];
    }

    private static IEnumerable<string> Select(PciBus bus, string selector, Lazy<IReadOnlyList<PciDevice>> all)
    {
        if (TryParseIds(selector, out var vendor, out var device))
        {
            return bus.Find(vendor, device).Where(d => d.PhysicalFunction is null).Select(d => d.Address);
        }

        if (bus.Get(selector) is { } named)
        {
            return [named.Address];
        }

        return all.Value.Where(d => d.PhysicalFunction is null && d.Netdevs.Contains(selector)).Select(d => d.Address);
    }

    /// <summary>"8086:1452".</summary>
    internal static bool TryParseIds(string text, out ushort vendor, out ushort device)
    {
        device = vendor = 0;
        return text.Length == 9 && text[4] == ':'
            && ushort.TryParse(text.AsSpan(0, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out vendor)
            && ushort.TryParse(text.AsSpan(5), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out device);
    }
}

namespace ACCOffload.HostStub.Devices;

/// <summary>A device that failed.</summary>
internal sealed record QuarantinedDevice(string Kind, string Device, string Reason, DateTimeOffset Until);

/// <summary>
/// Devices that could not be configured. They are not assigned for a while, then tried again. The configuration, messages and reports call
/// them "set aside".
/// </summary>
internal sealed class DeviceQuarantine(TimeProvider time, TimeSpan duration)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<(string Kind, string Device), QuarantinedDevice> _devices = [];

    public void Add(string kind, string device, string reason)
    {
        lock (_lock)
        {
            _devices[(kind, device)] = new QuarantinedDevice(kind, device, reason, time.GetUtcNow() + duration);
        }
    }

    public IReadOnlyList<QuarantinedDevice> All()
    {
        lock (_lock)
        {
            var now = time.GetUtcNow();
            foreach (var old in _devices.Values.Where(d => d.Until <= now).ToArray())
            {
                _devices.Remove((old.Kind, old.Device));
            }

            return [.. _devices.Values.OrderBy(d => d.Kind, StringComparer.Ordinal).ThenBy(d => d.Device, StringComparer.Ordinal)];
        }
    }

    public IReadOnlyList<QuarantinedDevice> Of(string kind) => [.. All().Where(d => d.Kind == kind)];

    public IReadOnlySet<string> Names(string kind) => All().Where(d => d.Kind == kind).Select(d => d.Device).ToHashSet();
}

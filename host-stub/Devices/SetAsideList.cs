namespace ACCOffload.HostStub.Devices;

/// <summary>A device that failed.</summary>
internal sealed record SetAsideDevice(string Kind, string Device, string Reason, DateTimeOffset Until);

/// <summary>Devices that could not be configured: nobody gets them for a while, then they are tried again.</summary>
internal sealed class SetAsideList(TimeProvider time, TimeSpan pause)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<(string Kind, string Device), SetAsideDevice> _devices = [];

    public void Add(string kind, string device, string reason)
    {
        lock (_lock)
        {
            _devices[(kind, device)] = new SetAsideDevice(kind, device, reason, time.GetUtcNow() + pause);
        }
    }

    public IReadOnlyList<SetAsideDevice> All()
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

    public IReadOnlyList<SetAsideDevice> Of(string kind) => [.. All().Where(d => d.Kind == kind)];

    public IReadOnlySet<string> Names(string kind) => All().Where(d => d.Kind == kind).Select(d => d.Device).ToHashSet();
}

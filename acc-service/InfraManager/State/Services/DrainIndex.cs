using System.Net;

namespace ACCOffload.InfraManager.State.Services;

/// <summary>The <see cref="Drain"/>s of all services, by age and by address. Not thread-safe.</summary>
internal sealed class DrainIndex
{
    private readonly SortedSet<Drain> _byAge = [];
    private readonly Dictionary<IPAddress, List<Drain>> _byAddress = [];

    public int Count => _byAge.Count;

    /// <summary>The oldest first.</summary>
    public IEnumerable<Drain> All => _byAge;

    /// <summary>The backend that has been draining longest; null when none is.</summary>
    public Drain? Oldest => _byAge.Count > 0 ? _byAge.Min : null;

    /// <summary>The draining backends with this address.</summary>
    public IReadOnlyList<Drain> At(IPAddress address) => _byAddress.TryGetValue(address, out var drains) ? drains : [];

    public void Add(ServiceState service) => Each(service, drain =>
    {
        if (!_byAge.Add(drain))
        {
            return;
        }

        if (!_byAddress.TryGetValue(drain.Address, out var drains))
        {
            _byAddress.Add(drain.Address, drains = []);
        }

        drains.Add(drain);
    });

    public void Remove(ServiceState service) => Each(service, drain =>
    {
        if (!_byAge.Remove(drain) || !_byAddress.TryGetValue(drain.Address, out var drains))
        {
            return;
        }

        drains.Remove(drain);
        if (drains.Count == 0)
        {
            _byAddress.Remove(drain.Address);
        }
    });

    private static void Each(ServiceState service, Action<Drain> action)
    {
        foreach (var port in service.Ports)
        {
            foreach (var backend in port.Backends)
            {
                if (backend.Since != 0)
                {
                    action(new Drain(backend.Since, service.Id, backend.Id, backend.Key.Address, backend.Uid));
                }
            }
        }
    }
}

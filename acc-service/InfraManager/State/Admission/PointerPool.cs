using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Services;

namespace ACCOffload.InfraManager.State.Admission;

/// <summary>
/// Allocates pointers to rows of a package's translation tables. There are few, so they are reused, but as late as possible: what the data
/// plane learned of the former user has then most likely expired.
/// </summary>
internal sealed class PointerPool(NetworkModel model, uint max)
{
    private HashSet<uint>? _used;
    private uint _last;

    /// <summary>Starts another plan: pointers allocated for the previous one are in the model, or free.</summary>
    public void Begin() => _used = null;

    /// <summary>Allocates an unused pointer; 0 when all are in use.</summary>
    public uint Next()
    {
        _used ??= [.. model.Services.Values.SelectMany(Of)];
        if (_last == 0 && _used.Count > 0)
        {
            _last = Math.Min(_used.Max(), max);
        }

        if (_used.Count >= max)
        {
            return 0;
        }

        do
        {
            _last = _last >= max ? 1 : _last + 1;
        }
        while (!_used.Add(_last));
        return _last;
    }

    /// <summary>The pointers that a service uses.</summary>
    public static IEnumerable<uint> Of(ServiceState service) =>
        service.Ports.SelectMany(p => p.Frontends.Select(f => f.Id).Concat(p.Backends.Select(b => b.Id)));
}

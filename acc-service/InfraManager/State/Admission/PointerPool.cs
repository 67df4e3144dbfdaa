using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Services;

namespace ACCOffload.InfraManager.State.Admission;

/// <summary>
/// Numbers for rows that a package's tables are pointed to by. There are few, so they are given out again, but late: what the data plane
/// learned of a former holder has most probably expired by then.
/// </summary>
internal sealed class PointerPool(NetworkModel model, uint most)
{
    private HashSet<uint>? _used;
    private uint _last;

    /// <summary>Another plan begins: what was taken for the one before is in the model, or free.</summary>
    public void Begin() => _used = null;

    /// <summary>A number that nobody has; 0 when all are in use.</summary>
    public uint Next()
    {
        _used ??= [.. model.Services.Values.SelectMany(Of)];
        if (_last == 0 && _used.Count > 0)
        {
            _last = Math.Min(_used.Max(), most);
        }

        if (_used.Count >= most)
        {
            return 0;
        }

        do
        {
            _last = _last >= most ? 1 : _last + 1;
        }
        while (!_used.Add(_last));
        return _last;
    }

    /// <summary>The numbers that a service has.</summary>
    public static IEnumerable<uint> Of(ServiceState service) =>
        service.Ports.SelectMany(p => p.Frontends.Select(f => f.Id).Concat(p.Backends.Select(b => b.Id)));
}

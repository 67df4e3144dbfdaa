namespace ACCOffload.Crash.Tests.Rpc;

/// <summary>
/// The callers' view: the states in which each attachment may be. One if the newest response is conclusive, several if a request was
/// never answered.
/// </summary>
internal sealed class Ledger
{
    private readonly Dictionary<string, List<PodSpec?>> _allowed = [];

    /// <summary>Attachments that certainly exist.</summary>
    public IEnumerable<PodSpec> Present => _allowed.Values.Where(a => a.Count == 1 && a[0] is not null).Select(a => a[0]!);

    public bool IsPresent(string containerId) => _allowed.TryGetValue(containerId, out var allowed) && allowed is [not null];

    /// <summary>Records the results of concurrent requests.</summary>
    public void Record(IEnumerable<Operation> operations)
    {
        foreach (var group in operations.GroupBy(o => o.ContainerId))
        {
            var certain = group.Where(o => o.Answer == Answer.Acknowledged).MaxBy(o => o.Sequence);
            var allowed = Allowed(group.Key);
            if (certain is not null)
            {
                allowed.Clear();
                allowed.Add(certain.Spec);
            }

            allowed.AddRange(group.Where(o => o.Answer == Answer.Unknown && o.Sequence > (certain?.Sequence ?? 0)).Select(o => o.Spec));
        }
    }

    /// <summary>Records a successful Sync: only the listed attachments exist.</summary>
    public void RecordSync(IEnumerable<PodSpec> list)
    {
        foreach (var allowed in _allowed.Values)
        {
            allowed.Clear();
            allowed.Add(null);
        }

        foreach (var spec in list)
        {
            Allowed(spec.ContainerId).Clear();
            Allowed(spec.ContainerId).Add(spec);
        }
    }

    /// <summary>The violations of the guarantees, or null. The actual endpoints count as certain afterwards.</summary>
    public string? Settle(IEnumerable<PodSpec> endpoints)
    {
        var actual = endpoints.ToDictionary(e => e.ContainerId);
        var broken = new List<string>();
        foreach (var (id, allowed) in _allowed)
        {
            actual.Remove(id, out var spec);
            if (!allowed.Contains(spec))
            {
                broken.Add($"{id} is {Text(spec)}; the responses allow {string.Join(" or ", allowed.Distinct().Select(Text))}");
            }

            allowed.Clear();
            allowed.Add(spec);
        }

        broken.AddRange(actual.Keys.Select(id => $"{id} was never requested"));
        return broken.Count == 0 ? null : $"{broken.Count} endpoints violate the guarantees: {string.Join("; ", broken.Take(5))}";
    }

    private static string Text(PodSpec? spec) => spec is null ? "absent" : $"{spec.AddressText} at {spec.PortName}";

    private List<PodSpec?> Allowed(string id)
    {
        if (!_allowed.TryGetValue(id, out var allowed))
        {
            _allowed.Add(id, allowed = [null]);
        }

        return allowed;
    }
}

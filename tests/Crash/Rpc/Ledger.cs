namespace ACCOffload.Crash.Rpc;

/// <summary>
/// The callers' side of the promise: for each attachment the states that it may be in. One, where the newest answer leaves no doubt; more, where a
/// request was never answered.
/// </summary>
internal sealed class Ledger
{
    private readonly Dictionary<string, List<PodSpec?>> _allowed = [];

    /// <summary>Attachments that are there for certain.</summary>
    public IEnumerable<PodSpec> Present => _allowed.Values.Where(a => a.Count == 1 && a[0] is not null).Select(a => a[0]!);

    public bool IsPresent(string containerId) => _allowed.TryGetValue(containerId, out var allowed) && allowed is [not null];

    /// <summary>Takes in how concurrent requests ended.</summary>
    public void TakeIn(IEnumerable<Operation> operations)
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

    /// <summary>The host's whole list was taken: nothing else is there.</summary>
    public void TakeInSync(IEnumerable<PodSpec> list)
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

    /// <summary>What breaks the promise, or null. What is there counts as certain from now on.</summary>
    public string? Settle(IEnumerable<PodSpec> endpoints)
    {
        var actual = endpoints.ToDictionary(e => e.ContainerId);
        var broken = new List<string>();
        foreach (var (id, allowed) in _allowed)
        {
            actual.Remove(id, out var spec);
            if (!allowed.Contains(spec))
            {
                broken.Add($"{id} is {Text(spec)}; what was answered allows {string.Join(" or ", allowed.Distinct().Select(Text))}");
            }

            allowed.Clear();
            allowed.Add(spec);
        }

        broken.AddRange(actual.Keys.Select(id => $"nobody asked for {id}"));
        return broken.Count == 0 ? null : $"{broken.Count} endpoints are not as promised: {string.Join("; ", broken.Take(5))}";
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

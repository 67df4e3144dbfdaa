namespace ACCOffload.InfraManager.Control.Flows;

/// <summary>The first of any number of flows, in their order, and how many there are; it keeps no more than those.</summary>
/// <param name="limit">The maximum number that is kept; at least 1.</param>
internal sealed class FirstFlows(int limit)
{
    private readonly SortedSet<LiveFlow> _first = [];
    private long _count;

    public IEnumerable<LiveFlow> Flows => _first;

    /// <summary>The number of flows that are not kept.</summary>
    public long LeftOut => _count - _first.Count;

    public void Add(LiveFlow flow)
    {
        if (_first.Count == limit && flow.CompareTo(_first.Max) > 0)
        {
            _count++;
        }
        else if (_first.Add(flow))
        {
            _count++;
            if (_first.Count > limit)
            {
                _first.Remove(_first.Max!);
            }
        }
    }
}

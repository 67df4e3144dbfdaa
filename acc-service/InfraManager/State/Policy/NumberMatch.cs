namespace ACCOffload.InfraManager.State.Policy;

/// <summary>Finds which numbers of the target stand for which of the compiler: those that all rows agree on.</summary>
internal sealed class NumberMatch
{
    private readonly Dictionary<uint, uint?> _proposals = [];

    /// <summary>A row has <paramref name="found"/> where the compiler has <paramref name="number"/>.</summary>
    public void Propose(uint number, uint found)
    {
        if (number != 0)
        {
            _proposals[number] = _proposals.TryGetValue(number, out var former) && former != found ? null : found;
        }
    }

    /// <param name="sameParity">Whether the lowest bits must be equal.</param>
    public Dictionary<uint, uint> Result(bool sameParity) =>
        _proposals.Where(p => p.Value is > 0 and < PolicySets.PendingSet && (!sameParity || ((p.Value ^ p.Key) & 1) == 0))
            .GroupBy(p => p.Value!.Value).Where(g => g.Count() == 1)
            .ToDictionary(g => g.Single().Key, g => g.Key);
}

using System.Collections.Immutable;

namespace ACCOffload.InfraManager.Conditions;

/// <summary>All conditions as of one moment.</summary>
internal sealed record NodeConditions(ImmutableArray<Condition> All)
{
    /// <summary>Every condition holds: packets pass.</summary>
    public bool Ready => All.All(c => c.Ok);

    /// <summary>An ADD can work.</summary>
    public bool CanAttach => !All.Any(c => c.PreventsAdds);

    /// <summary>The most severe condition that does not hold, one line; empty when all hold.</summary>
    public string Reason => All.Where(c => !c.Ok).OrderByDescending(c => c.PreventsAdds).FirstOrDefault() is { } first ? $"{first.Name}: {first.Reason}" : "";
}

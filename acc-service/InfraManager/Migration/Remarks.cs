namespace ACCOffload.InfraManager.Migration;

/// <summary>What the operator has to know about a migration, one line each, in the order in which it was found.</summary>
internal sealed class Remarks
{
    private readonly List<string> _lines = [];

    public IReadOnlyList<string> Lines => _lines;

    public void Add(string line) => _lines.Add(line);
}

namespace ACCOffload.InfraManager.State.Policy.Classes;

/// <summary>Numbers for the names of rules, as the rows carry them. A name keeps its number, so that a rule's counter goes on.</summary>
internal sealed class RuleNames
{
    private readonly Dictionary<string, uint> _numbers = new(StringComparer.Ordinal);
    private readonly List<string> _names = [""];

    /// <summary>The name with this number; empty for 0.</summary>
    public string this[uint number] => _names[(int)number];

    public uint Of(string name)
    {
        if (!_numbers.TryGetValue(name, out var number))
        {
            number = (uint)_names.Count;
            _numbers.Add(name, number);
            _names.Add(name);
        }

        return number;
    }
}

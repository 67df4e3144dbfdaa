using System.Text;

namespace ACCOffload.InfraManager.State.Policy.Classes;

/// <summary>
/// Numbers for the names of rules, as the rows carry them. They follow from the names, so that a restart neither changes rows nor a rule's
/// counter.
/// </summary>
internal sealed class RuleNames
{
    // 32-bit FNV-1a.
    private const uint Offset = 2166136261;
    private const uint Prime = 16777619;

    private readonly Dictionary<string, uint> _numbers = new(StringComparer.Ordinal);
    private readonly Dictionary<uint, string> _names = new() { [0] = "" };

    /// <summary>The name with this number; empty for 0, and for a number that no rule has.</summary>
    public string this[uint number] => _names.GetValueOrDefault(number, "");

    /// <summary>The names by number, as they are now.</summary>
    public Dictionary<uint, string> Copy() => new(_names);

    public uint Of(string name)
    {
        if (!_numbers.TryGetValue(name, out var number))
        {
            number = Offset;
            foreach (var b in Encoding.UTF8.GetBytes(name))
            {
                number = (number ^ b) * Prime;
            }

            // Of two names with the same hash, the second one depends on the order.
            while (!_names.TryAdd(number, name))
            {
                number++;
            }

            _numbers.Add(name, number);
        }

        return number;
    }
}

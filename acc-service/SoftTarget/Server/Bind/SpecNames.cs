using P4.Config.V1;

namespace ACCOffload.SoftTarget.Server.Bind;

/// <summary>Candidate names of P4Info objects in the .spec, the compiler's own name first.</summary>
internal sealed class SpecNames
{
    private readonly Dictionary<string, ContextTable> _tables = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ContextExtern> _externs = new(StringComparer.Ordinal);

    public SpecNames(ContextJson context)
    {
        foreach (var table in context.Tables)
        {
            _tables.TryAdd(table.Name, table);
        }

        foreach (var unit in context.Externs)
        {
            _externs.TryAdd(unit.Name, unit);
        }
    }

    public ContextTable? Table(Preamble preamble) => _tables.GetValueOrDefault(preamble.Name);

    /// <summary>Candidates for a table or learner.</summary>
    public static IEnumerable<string> ForTable(ContextTable? context, Preamble preamble)
    {
        if (context is not null)
        {
            yield return Last(context.TargetName);
            yield return Flat(context.TargetName);
        }

        foreach (var name in ForPreamble(preamble))
        {
            yield return name;
        }
    }

    public static IEnumerable<string> ForPreamble(Preamble preamble)
    {
        yield return Last(preamble.Name);
        yield return preamble.Alias;
        yield return Flat(preamble.Name);
    }

    public IEnumerable<string> ForExtern(Preamble preamble)
    {
        if (_externs.TryGetValue(preamble.Name, out var unit))
        {
            yield return unit.TargetName;
            yield return Last(unit.TargetName);
        }

        foreach (var name in ForPreamble(preamble))
        {
            yield return name;

            // p4c makes instance names unique this way.
            yield return name + "_0";
        }
    }

    public static string Last(string name) => name[(name.LastIndexOf('.') + 1)..];

    private static string Flat(string name) => name.Replace('.', '_');

    /// <summary>Whether a .spec action is a copy of this P4 action that p4c makes for another table (NAME_1, NAME_2, …).</summary>
    public static bool IsCopyOf(string spec, string name)
        => spec.Length > name.Length + 1 && spec.StartsWith(name, StringComparison.Ordinal) && spec[name.Length] == '_'
            && spec.AsSpan(name.Length + 1).IndexOfAnyExceptInRange('0', '9') < 0;
}

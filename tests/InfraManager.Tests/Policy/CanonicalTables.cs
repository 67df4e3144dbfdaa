using ACCOffload.InfraManager.State.Policy.Classes;

namespace ACCOffload.InfraManager.Tests.Policy;

/// <summary>The rows with what their numbers stand for instead of the numbers, to compare the tables of two compilers.</summary>
internal static class CanonicalTables
{
    public static List<string> Of(PolicyTables tables, PolicyCompiler compiler)
    {
        var atoms = compiler.Sets.SelectMany(s => s.Policy.Atoms.Values).DistinctBy(a => a.Id).ToDictionary(a => a.Id, a => $"{a.Key}");
        var peers = compiler.PeerClasses.ToDictionary(c => c.Number, c => Join(c.Atoms.Select(a => atoms[a])));
        var ports = compiler.PortClasses.ToDictionary(c => c.Number, c => Join(c.Tests.Select(t => $"{t}")));
        var groups = compiler.Groups.ToDictionary(g => g.Number, g => OfGroup(g.Function));
        var users = tables.Rows.OfType<BindingRow>().Where(b => b.Set != 0).GroupBy(b => b.Set)
            .ToDictionary(b => b.Key, b => Join(b.Select(r => $"{r.Endpoint} {r.Direction}")));
        foreach (var set in compiler.Sets)
        {
            groups.Add(set.Number, $"set of {users[set.Number]}: {OfGroup(set.Own.Function)}");
        }

        return
        [
            .. tables.Rows.Select(row => row switch
            {
                PeerRow peer => $"peers {peer.Address} {peers[peer.Class]}",
                NetRow net => $"nets {net.Net} {peers[net.Class]}",
                PortRow port => $"ports {port.Protocol} {port.Port} {ports[port.Class]}",
                PortRangeRow range => $"port_ranges {range.Protocol} {range.First}/{range.Length} {ports[range.Class]}",
                GroupRow group => $"groups {group.Direction} {groups[group.Set]} {peers[group.Class]} {groups[group.Group]}",
                VerdictRow verdict => $"verdicts {groups[verdict.Group]} {ports[verdict.PortClass]} {Text(verdict.Verdict)}",
                BindingRow binding => $"{binding.Endpoint} {binding.Direction} {(binding.Set == 0 ? "" : groups[binding.Set])}",
                _ => throw new InvalidOperationException($"{row}"),
            }).Order(StringComparer.Ordinal),
        ];

        string OfGroup(GroupFunction function) =>
            $"({Text(function.Default)}; {Join(function.Cells.Select(c => $"{ports[c.Key]}: {Text(c.Value)}"))})";

        string Text(RowVerdict verdict) =>
            $"{verdict.IsAllowed} {compiler.Rules[verdict.Rule]} {verdict.IsLogged} {compiler.Rules[verdict.WouldDrop]}";
    }

    private static string Join(IEnumerable<string> parts) => $"[{string.Join(", ", parts.Order(StringComparer.Ordinal))}]";
}

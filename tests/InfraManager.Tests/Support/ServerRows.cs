using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.Programming.Compile;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.P4Runtime.Entries;

namespace ACCOffload.InfraManager.Tests.Support;

/// <summary>Compares a server's rows with those that the model needs.</summary>
internal static class ServerRows
{
    /// <summary>How the rows differ from what the programmer's endpoints, services and node compile to; null if they do not.</summary>
    public static string? Difference(Programmer programmer, NodeSettings node, IReadOnlyDictionary<string, uint> ports,
        IEnumerable<P4.V1.TableEntry> rows)
    {
        var compiler = new EndpointCompiler(TestPipeline.Artifacts.Pipeline, node);
        HashSet<string> wanted = [.. programmer.Endpoints.SelectMany(e => compiler.Compile(e.Endpoint, ports[e.Endpoint.Spec.PortName]))
            .Concat(OtherEntries.Of(programmer)).Select(Text)];
        HashSet<string> actual = [.. rows.Select(Text)];
        return wanted.SetEquals(actual)
            ? null
            : $"missing {string.Join(", ", wanted.Except(actual))}, foreign {string.Join(", ", actual.Except(wanted))}";
    }

    // Both sides as table, values and action, without leading zeros.
    private static string Text(Entry entry) =>
        $"{entry.Table.Id} {string.Join(' ', entry.EnumerateMatch().Select(m => Hex(m.Value.Span)))} {entry.Action.Id} "
        + $"{string.Join(' ', entry.EnumerateParams().Select(p => Hex(p.Value.Span)))}";

    private static string Text(P4.V1.TableEntry entry) =>
        $"{entry.TableId} {string.Join(' ', entry.Match.OrderBy(m => m.FieldId).Select(m => Hex((m.Exact?.Value ?? m.Lpm.Value).Span)))} {entry.Action.Action.ActionId} "
        + string.Join(' ', entry.Action.Action.Params.OrderBy(p => p.ParamId).Select(p => Hex(p.Value.Span)));

    private static string Hex(ReadOnlySpan<byte> value) => Convert.ToHexString(value).TrimStart('0');
}

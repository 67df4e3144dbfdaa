using System.Text;
using ACCOffload.InfraManager.State.Services;

namespace ACCOffload.InfraManager.Tests.Services;

/// <summary>
/// Renders a service as text for expectations written by hand: one line per frontend, <c>address:port/protocol -> target of new flows</c>,
/// for inside and outside if they differ; <c>~</c> means that the source is masqueraded.
/// </summary>
internal static class ServiceRendering
{
    public static string Render(IEnumerable<ServiceSpec> specs) => string.Join('\n', specs.OrderBy(s => s.Key).SelectMany(Lines));

    public static string Render(ServiceSpec? spec) => spec is null ? "none" : string.Join('\n', Lines(spec));

    /// <summary>Removes indentation and empty lines from an expectation.</summary>
    public static string Tidy(string expected) =>
        string.Join('\n', expected.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries));

    private static IEnumerable<string> Lines(ServiceSpec spec)
    {
        foreach (var port in spec.Ports)
        {
            foreach (var f in port.Frontends)
            {
                var line = new StringBuilder().Append(spec.Key.Name).Append(' ').Append(new FrontendKey(f.Address, port.Protocol, f.Port));
                var inside = TargetOf(port, f.Inside, f.MasqueradeInside);
                var outside = TargetOf(port, f.Outside, f.MasqueradeOutside);
                // Flows from outside to a cluster IP are always masqueraded, so this is not shown.
                if (f.Kind == FrontendKind.ClusterIP && inside == TargetOf(port, f.Outside, false))
                {
                    line.Append(" -> ").Append(inside);
                }
                else if (inside == outside)
                {
                    line.Append(" -> ").Append(inside);
                }
                else
                {
                    line.Append(" inside -> ").Append(inside).Append(" outside -> ").Append(outside);
                }

                if (f.IsClosed)
                {
                    line.Append(" closed");
                }

                if (f.SourceRanges.Count > 0)
                {
                    line.Append(" from ").AppendJoin(' ', f.SourceRanges);
                }

                if (port.AffinitySeconds > 0)
                {
                    line.Append(" sticky ").Append(port.AffinitySeconds);
                }

                yield return line.ToString();
            }
        }
        if (spec.HealthCheckNodePort != 0)
        {
            yield return $"{spec.Key.Name} health {spec.HealthCheckNodePort}: {spec.ReadyHere}";
        }

        foreach (var problem in spec.Problems)
        {
            yield return $"{spec.Key.Name} problem: {problem.Subject}: {problem.Reason}";
        }
    }

    private static string TargetOf(ServicePortSpec port, FlowTarget target, bool masquerade) => target switch
    {
        FlowTarget.Refuse => "refuse",
        FlowTarget.Drop => "drop",
        _ => (masquerade ? "~ " : "") + string.Join(
            ' ', port.Backends.Where(b => target == FlowTarget.Cluster ? b.InCluster : b.InLocal).Select(b => b.Key)),
    };
}

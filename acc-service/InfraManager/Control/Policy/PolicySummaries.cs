using ACCOffload.InfraManager.Instruments;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.Programming.Policy;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.Protos.V1;

namespace ACCOffload.InfraManager.Control.Policy;

/// <summary>The state of policy on this node in numbers.</summary>
internal static class PolicySummaries
{
    private const int MaxNames = 16;

    /// <summary>Takes the time of counting the objects and the endpoints.</summary>
    public static PolicySummary Of(PolicyInForce policy)
    {
        var compiler = policy.Compiler;
        var summary = new PolicySummary
        {
            Source = policy.Policies.Source,
            Sets = (uint)compiler.Sets.Count,
            Groups = (uint)compiler.Groups.Count,
            PeerClasses = (uint)compiler.PeerClasses.Count,
            PortClasses = (uint)compiler.PortClasses.Count,
            UnresolvedPods = (uint)compiler.Unresolved.Count,
        };
        summary.Unresolved.AddRange(compiler.Unresolved.Order(StringComparer.Ordinal).Take(MaxNames));
        foreach (var kind in Enum.GetValues<PolicyObjectKind>())
        {
            var count = 0ul;
            foreach (var key in policy.Model.PolicyObjects.Keys)
            {
                count += key.Kind == kind ? 1ul : 0;
            }

            summary.Objects.Add(new PolicyCount { Name = kind.ToString(), Count = count });
        }

        return summary;
    }

    /// <summary>Adds what the programmer's status says.</summary>
    /// <param name="summary">The summary.</param>
    /// <param name="status">The programmer's status.</param>
    /// <param name="node">The node's settings.</param>
    /// <param name="tables">The pipeline's tables, to name those of policy.</param>
    public static void Add(
        PolicySummary summary, ProgrammerStatus status, NodeSettings node, IEnumerable<P4Runtime.Schema.TableSchema> tables)
    {
        summary.Source = status.Policy.IsOn ? summary.Source : "off";
        summary.Synced = status.Policy.IsSynced;
        summary.Fenced = status.Policy.IsFenced;
        summary.IsolatedPods = (uint)status.Policy.Isolated;
        summary.ClosedPods = (uint)status.Policy.Pending;
        var counts = new Dictionary<string, TableCounts>(StringComparer.Ordinal);
        foreach (var table in status.Tables)
        {
            counts[table.Table] = table;
        }

        foreach (var table in tables.Where(node.Profile.Order.IsPolicyTable))
        {
            summary.Rows.Add(new PolicyCount
            {
                Name = table.Alias,
                Count = counts.TryGetValue(table.Alias, out var count) ? (ulong)count.Wanted : 0,
            });
        }
    }
}

using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Ports;
using ACCOffload.Protos.V1;
using CounterCell = ACCOffload.Protos.V1.CounterCell;

namespace ACCOffload.InfraManager.Control;

/// <content>Losses outside the pipeline's counters: frames that cannot be parsed and flows without room in a table.</content>
internal sealed partial class ControlService
{
    private async Task AddLossesAsync(ListCountersReply reply, CancellationToken cancellationToken)
    {
        TargetLosses? losses;
        IReadOnlyDictionary<string, PortStatus>? ports;
        try
        {
            losses = await target.ReadLossesAsync(cancellationToken);
            ports = losses is null ? null : await target.ReadPortsAsync(cancellationToken);
        }
        catch (P4RuntimeException e)
        {
            reply.LossesProblem = $"cannot read the losses from the target: {e.Message}";
            return;
        }
        if (losses is null)
        {
            reply.LossesProblem = "malformed frames and full tables: not available on this target";
            return;
        }
        Add(reply, "lost_frames", Named(losses.Frames));
        Add(reply, "flows_not_learned", Named(losses.NotLearned));
        Add(
            reply,
            "malformed_frames",
            (ports ?? new Dictionary<string, PortStatus>()).Where(p => p.Value.InErrors > 0).Select(
                p => KeyValuePair.Create(p.Key, p.Value.InErrors)));
    }

    // In the style of the pipeline's own names. A port's name stays as it is.
    private static IEnumerable<KeyValuePair<string, ulong>> Named(IEnumerable<KeyValuePair<string, ulong>> counts) =>
        counts.Select(c => KeyValuePair.Create(c.Key.Replace('-', '_'), c.Value));

    private static void Add(ListCountersReply reply, string counter, IEnumerable<KeyValuePair<string, ulong>> counts)
    {
        ulong index = 0;
        foreach (var (label, count) in counts.OrderBy(c => c.Key, StringComparer.Ordinal))
        {
            reply.Cells.Add(new CounterCell { Counter = counter, Index = index++, Label = label, Packets = count });
        }
    }
}

using ACCOffload.InfraManager.Target;
using ACCOffload.P4Runtime.Channels;

namespace ACCOffload.InfraManager.Monitoring;

/// <summary>
/// Reads the drop counters of the pipeline at a scrape. Values that the target does not return in time are left out: an old value would
/// look as if nothing had been dropped since.
/// </summary>
internal sealed class TargetDrops(ITargetView target, Func<bool> isConnected)
{
    /// <summary>How long a scrape waits for the target.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(2);

    private const string NoReason = "none";

    /// <summary>Packets by reason, as last read; empty if that failed.</summary>
    public IReadOnlyList<(string Reason, long Packets)> Cells { get; private set; } = [];

    public async Task ReadAsync(CancellationToken cancellationToken)
    {
        Cells = [];
        if (!isConnected() || target.Pipeline.Counters.FirstOrDefault(c => c.Alias == DropReasons.Counter) is not { } counter)
        {
            return;
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Limit);
        try
        {
            var cells = await target.ReadCountersAsync(counter, limit.Token).WaitAsync(limit.Token);
            Cells = [.. cells.Select(
                c => (Reason: DropReasons.Label(counter.Alias, c.Index), c.Packets)).Where(c => c.Reason is not ("" or NoReason))];
        }
        catch (Exception e) when (
            e is P4RuntimeException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            // The metric for the connection reports that the target is unavailable.
        }
    }
}

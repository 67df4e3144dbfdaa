using System.Diagnostics;
using ACCOffload.InfraManager.Instruments;
using ACCOffload.InfraManager.Programming.Queue;
using ACCOffload.InfraManager.State.Admission;

namespace ACCOffload.InfraManager.Programming;

/// <summary>Measures the time that a batch's attachments spend in each phase.</summary>
internal sealed class AttachTimes
{
    private readonly long[] _ticks = new long[Enum.GetValues<AttachPhase>().Length];
    private readonly int _attachments;
    private AttachPhase _phase;
    private long _since = Stopwatch.GetTimestamp();

    /// <param name="batch">The batch just taken from the queue.</param>
    public AttachTimes(IReadOnlyList<PendingIntent> batch)
    {
        foreach (var pending in batch)
        {
            if (pending.Intent is not AttachIntent)
            {
                continue;
            }

            _attachments++;
            ManagerInstruments.AttachTook(AttachPhase.Queue, Stopwatch.GetElapsedTime(pending.Posted, _since));
        }
    }

    /// <summary>Switches to a phase. A phase may be entered again when the batch is decided again.</summary>
    public void Enter(AttachPhase phase)
    {
        var now = Stopwatch.GetTimestamp();
        _ticks[(int)_phase] += now - _since;
        (_phase, _since) = (phase, now);
    }

    /// <summary>The batch is about to be answered.</summary>
    public void End()
    {
        Enter(_phase);
        // Phases that were not reached, because the target is disconnected, are not recorded.
        foreach (var phase in new[] { AttachPhase.Commit, AttachPhase.Program }.Where(p => _ticks[(int)p] > 0))
        {
            for (var i = 0; i < _attachments; i++)
            {
                ManagerInstruments.AttachTook(phase, Stopwatch.GetElapsedTime(0, _ticks[(int)phase]));
            }
        }
    }
}

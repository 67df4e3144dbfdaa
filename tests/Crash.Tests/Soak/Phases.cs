using System.Diagnostics;

namespace ACCOffload.Crash.Tests.Soak;

/// <summary>Divides a run into consecutive phases of equal length.</summary>
internal sealed class Phases(TimeSpan length, int count)
{
    private readonly Stopwatch _clock = Stopwatch.StartNew();

    public int Current => Math.Min(count - 1, (int)(_clock.Elapsed / length * count));
}

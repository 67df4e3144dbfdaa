namespace ACCOffload.InfraManager.Tests.Support;

/// <summary>The system's time, whose date is set forwards or backwards.</summary>
internal sealed class ShiftedTime : TimeProvider
{
    private long _ticks;

    public TimeSpan Shift
    {
        get => TimeSpan.FromTicks(Interlocked.Read(ref _ticks));
        set => Interlocked.Exchange(ref _ticks, value.Ticks);
    }

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Shift;
}

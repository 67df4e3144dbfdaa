using System.Diagnostics;

namespace ACCOffload.HostStub.Operations;

/// <summary>The parts of an operation.</summary>
internal enum OperationPhase
{
    Ipam,
    Links,
    Acc,
    Store,
}

/// <summary>Measures the parts of an operation. They overlap, so their sum may exceed the total.</summary>
internal sealed class OperationTimes
{
    private readonly Lock _lock = new();
    private readonly List<(OperationPhase Phase, long Start, long End)> _spans = [];
    private readonly long _started = Stopwatch.GetTimestamp();

    /// <summary>Milliseconds since the start of the operation.</summary>
    public double Elapsed => Stopwatch.GetElapsedTime(_started).TotalMilliseconds;

    /// <summary>Milliseconds of a phase.</summary>
    public double this[OperationPhase phase]
    {
        get
        {
            lock (_lock)
            {
                return _spans.Where(s => s.Phase == phase).Sum(s => Stopwatch.GetElapsedTime(s.Start, s.End).TotalMilliseconds);
            }
        }
    }

    /// <summary>Milliseconds during which the IPAM plugin or link operations of the kernel ran; overlaps count once.</summary>
    public double OutsideAgent
    {
        get
        {
            lock (_lock)
            {
                long sum = 0, until = 0;
                foreach (var (_, start, end) in _spans.Where(
                    s => s.Phase is OperationPhase.Ipam or OperationPhase.Links).OrderBy(s => s.Start))
                {
                    sum += Math.Max(0, end - Math.Max(start, until));
                    until = Math.Max(until, end);
                }
                return Stopwatch.GetElapsedTime(0, sum).TotalMilliseconds;
            }
        }
    }

    /// <summary>Runs code as a phase.</summary>
    public T Of<T>(OperationPhase phase, Func<T> code)
    {
        var start = Stopwatch.GetTimestamp();
        try
        {
            return code();
        }
        finally
        {
            Add(phase, start);
        }
    }

    /// <summary>Measures a phase from now until a task completes.</summary>
    public async Task<T> OfAsync<T>(OperationPhase phase, Task<T> task)
    {
        var start = Stopwatch.GetTimestamp();
        try
        {
            return await task;
        }
        finally
        {
            Add(phase, start);
        }
    }

    /// <summary>Measures a phase from now until a task completes.</summary>
    public async Task OfAsync(OperationPhase phase, Task task)
    {
        var start = Stopwatch.GetTimestamp();
        try
        {
            await task;
        }
        finally
        {
            Add(phase, start);
        }
    }

    private void Add(OperationPhase phase, long start)
    {
        lock (_lock)
        {
            _spans.Add((phase, start, Stopwatch.GetTimestamp()));
        }
    }
}

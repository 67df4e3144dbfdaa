namespace ACCOffload.FaithfulTarget;

/// <summary>The controllers' requests, across restarts of the target. Thread-safe.</summary>
internal sealed class TargetLog
{
    private readonly Lock _gate = new();
    private readonly List<LoggedUpdate> _updates = [];
    private int _pushes;
    private int _writes;
    private int _reads;
    private int _entitiesRead;
    private int _portDeletes;

    public int Pushes => Volatile.Read(ref _pushes);

    public int Writes => Volatile.Read(ref _writes);

    public int Reads => Volatile.Read(ref _reads);

    public int EntitiesRead => Volatile.Read(ref _entitiesRead);

    public int PortDeletes => Volatile.Read(ref _portDeletes);

    public IReadOnlyList<LoggedUpdate> Updates
    {
        get
        {
            lock (_gate)
            {
                return [.. _updates];
            }
        }
    }

    public void Add(LoggedUpdate update)
    {
        lock (_gate)
        {
            _updates.Add(update);
        }
    }

    public void AddPush() => Interlocked.Increment(ref _pushes);

    public void AddWrite() => Interlocked.Increment(ref _writes);

    public void AddRead() => Interlocked.Increment(ref _reads);

    public void AddEntitiesRead(int count) => Interlocked.Add(ref _entitiesRead, count);

    public void AddPortDeletes(int count) => Interlocked.Add(ref _portDeletes, count);

    public void Clear()
    {
        lock (_gate)
        {
            _updates.Clear();
        }

        Volatile.Write(ref _pushes, 0);
        Volatile.Write(ref _writes, 0);
        Volatile.Write(ref _reads, 0);
        Volatile.Write(ref _entitiesRead, 0);
        Volatile.Write(ref _portDeletes, 0);
    }
}

namespace ACCOffload.Crash.Tests.Hostile;

/// <summary>A bounded number of connections that a hostile peer keeps open; the oldest is closed when the limit is exceeded.</summary>
internal sealed class HeldConnections(int limit) : IDisposable
{
    private readonly Queue<IDisposable> _held = [];
    private readonly Lock _lock = new();

    public void Hold(IDisposable connection)
    {
        IDisposable? oldest = null;
        lock (_lock)
        {
            _held.Enqueue(connection);
            if (_held.Count > limit)
            {
                oldest = _held.Dequeue();
            }
        }

        oldest?.Dispose();
    }

    public void CloseAll()
    {
        lock (_lock)
        {
            while (_held.TryDequeue(out var connection))
            {
                connection.Dispose();
            }
        }
    }

    public void Dispose() => CloseAll();
}

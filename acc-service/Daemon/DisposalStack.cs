using System.Runtime.ExceptionServices;

namespace ACCOffload.Daemon;

/// <summary>
/// The parts of a service in the order of their creation; disposes of them in the reverse order. Used by one thread at a time.
/// </summary>
public sealed class DisposalStack : IAsyncDisposable
{
    private readonly List<object> _parts = [];

    /// <summary>Adds a part that is disposed of before all parts added earlier.</summary>
    public T Add<T>(T part)
        where T : class
    {
        if (part is not (IAsyncDisposable or IDisposable))
        {
            throw new ArgumentException($"{typeof(T).Name} is not disposable", nameof(part));
        }

        _parts.Add(part);
        return part;
    }

    /// <summary>Disposes of one part before its turn; does nothing if it has already been disposed of.</summary>
    public ValueTask DisposeEarlyAsync(object part) => _parts.Remove(part) ? DisposePartAsync(part) : ValueTask.CompletedTask;

    /// <summary>Disposes of all parts, even if some of them fail; then throws the first failure.</summary>
    public async ValueTask DisposeAsync()
    {
        ExceptionDispatchInfo? first = null;
        while (_parts.Count > 0)
        {
            var part = _parts[^1];
            _parts.RemoveAt(_parts.Count - 1);
            try
            {
                await DisposePartAsync(part);
            }
            catch (Exception e)
            {
                first ??= ExceptionDispatchInfo.Capture(e);
            }
        }

        first?.Throw();
    }

    private static ValueTask DisposePartAsync(object part)
    {
        if (part is IAsyncDisposable asynchronous)
        {
            return asynchronous.DisposeAsync();
        }

        ((IDisposable)part).Dispose();
        return ValueTask.CompletedTask;
    }
}

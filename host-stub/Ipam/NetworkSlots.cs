namespace ACCOffload.HostStub.Ipam;

/// <summary>
/// Limits the number of concurrent holders, in total and for each network, so that a slow network leaves room for others. One holder of
/// each network is always admitted, so that no number of slow networks can starve another one.
/// </summary>
/// <param name="total">Maximum number of holders for all networks; the first holder of a network may exceed it.</param>
/// <param name="perNetwork">Maximum number of holders for one network.</param>
internal sealed class NetworkSlots(int total, int perNetwork)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, int> _running = [];
    private readonly LinkedList<Waiter> _waiting = [];
    private int _used;

    public int RunningOf(string network)
    {
        lock (_lock)
        {
            return _running.GetValueOrDefault(network);
        }
    }

    /// <returns>Disposing it frees the slot; null when none is free now.</returns>
    public IDisposable? TryEnter(string network)
    {
        lock (_lock)
        {
            return MayEnter(network) ? Enter(network) : null;
        }
    }

    /// <returns>Disposing it frees the slot; null when the time limit expired first.</returns>
    public async Task<IDisposable?> EnterAsync(string network, TimeSpan limit)
    {
        Waiter waiter;
        lock (_lock)
        {
            if (MayEnter(network))
            {
                return Enter(network);
            }

            waiter = new Waiter(network);
            _waiting.AddLast(waiter);
        }
        try
        {
            return await waiter.Entered.Task.WaitAsync(limit > TimeSpan.Zero ? limit : TimeSpan.Zero);
        }
        catch (TimeoutException)
        {
            lock (_lock)
            {
                _waiting.Remove(waiter);
            }
            // The waiter may have been admitted at the last moment.
            return waiter.Entered.Task.IsCompletedSuccessfully ? await waiter.Entered.Task : null;
        }
    }

    // Under the lock.
    private bool MayEnter(string network)
    {
        var running = _running.GetValueOrDefault(network);
        return running == 0 || (running < perNetwork && _used < total);
    }

    private Slot Enter(string network)
    {
        _used++;
        _running[network] = _running.GetValueOrDefault(network) + 1;
        return new Slot(this, network);
    }

    private void Leave(string network)
    {
        lock (_lock)
        {
            _used--;
            if (--_running[network] == 0)
            {
                _running.Remove(network);
            }

            for (var node = _waiting.First; node is not null;)
            {
                var next = node.Next;
                if (MayEnter(node.Value.Network))
                {
                    _waiting.Remove(node);
                    node.Value.Entered.SetResult(Enter(node.Value.Network));
                }
                node = next;
            }
        }
    }

    private sealed class Waiter(string network)
    {
        public string Network => network;

        public TaskCompletionSource<IDisposable> Entered { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    private sealed class Slot(NetworkSlots owner, string network) : IDisposable
    {
        private int _left;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _left, 1) == 0)
            {
                owner.Leave(network);
            }
        }
    }
}

namespace ACCOffload.HostStub.Devices;

/// <summary>
/// Removes data-plane ends in batches: the kernel takes tens of milliseconds for one removal, and hardly longer for many. It uses a
/// separate netlink socket, so that device creation does not wait for it.
/// </summary>
internal sealed class PortRemoval(DataPlaneNamespace dataPlane)
{
    // In the data plane's namespace every other link is in group 0.
    private const int Group = 0x00acc0ff;

    private readonly Lock _lock = new();
    private List<Removal> _waiting = [];
    private bool _running;

    /// <summary>Completes when the link is gone, or with the kernel's error.</summary>
    public Task RemoveAsync(string name)
    {
        var removal = new Removal(name);
        lock (_lock)
        {
            _waiting.Add(removal);
            if (!_running)
            {
                _running = true;
                _ = Task.Run(Run);
            }
        }
        return removal.Done.Task;
    }

    private void Run()
    {
        while (true)
        {
            List<Removal> batch;
            lock (_lock)
            {
                if (_waiting.Count == 0)
                {
                    _running = false;
                    return;
                }
                (batch, _waiting) = (_waiting, []);
            }
            try
            {
                Remove(batch);
                batch.ForEach(r => r.Done.SetResult());
            }
            catch (Exception e)
            {
                batch.ForEach(r => r.Done.SetException(e));
            }
        }
    }

    private void Remove(List<Removal> batch)
    {
        using var links = dataPlane.OpenLinks();
        var indexes = batch.Select(r => links.GetLink(r.Name)?.Index).OfType<int>().Distinct().ToArray();
        if (indexes.Length == 1)
        {
            links.DeleteLink(indexes[0]);
        }
        else
        {
            links.DeleteLinks(indexes, Group);
        }
    }

    private sealed record Removal(string Name)
    {
        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}

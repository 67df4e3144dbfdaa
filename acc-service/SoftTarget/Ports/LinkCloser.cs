using System.Collections.Concurrent;

namespace ACCOffload.SoftTarget.Ports;

/// <summary>Closes links on a thread of its own: the kernel lets go of a packet socket only after every packet in flight, which takes milliseconds that no other packet may wait for.</summary>
internal sealed class LinkCloser : IDisposable
{
    private readonly BlockingCollection<BoundLink> _links = [];
    private readonly Thread _thread;

    public LinkCloser()
    {
        _thread = new Thread(Run) { IsBackground = true, Name = "softtarget-close" };
        _thread.UnsafeStart();
    }

    /// <summary>The caller must not use the link any more.</summary>
    public void Close(BoundLink link) => _links.Add(link);

    /// <summary>Returns when all are closed.</summary>
    public void Dispose()
    {
        _links.CompleteAdding();
        _thread.Join();
        _links.Dispose();
    }

    private void Run()
    {
        foreach (var link in _links.GetConsumingEnumerable())
        {
            link.Dispose();
        }
    }
}

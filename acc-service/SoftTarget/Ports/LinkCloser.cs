using System.Collections.Concurrent;

namespace ACCOffload.SoftTarget.Ports;

/// <summary>
/// Closes links on its own thread: closing a packet socket waits for packets in flight, which takes milliseconds and must not delay other
/// packets.
/// </summary>
internal sealed class LinkCloser : IDisposable
{
    private readonly BlockingCollection<BoundLink> _links = [];
    private readonly Thread _thread;

    public LinkCloser()
    {
        _thread = new Thread(Run) { IsBackground = true, Name = "softtarget-close" };
        _thread.UnsafeStart();
    }

    /// <summary>Closes a link; the caller must not use it any more.</summary>
    public void Close(BoundLink link) => _links.Add(link);

    /// <summary>Waits until all links are closed.</summary>
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

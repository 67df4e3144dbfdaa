using System.Net.Sockets;

namespace ACCOffload.HostStub.Acc;

/// <summary>A connection's stream that tells when the connection's owner lets go of it, which HTTP/2 does as soon as it is lost.</summary>
internal sealed class WatchedStream(Socket socket, Action onClosed) : NetworkStream(socket, ownsSocket: true)
{
    private int _closed;

    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (Interlocked.Exchange(ref _closed, 1) == 0)
        {
            onClosed();
        }
    }
}

using System.Net.Sockets;

namespace ACCOffload.Fuzz.Doors;

/// <summary>A peer that has more to say than it sends at a time.</summary>
/// <param name="stream">Where it says it; somebody else's to close.</param>
/// <param name="rest">What it has not sent yet.</param>
internal sealed class SlowPeer(Stream stream, ReadOnlyMemory<byte> rest)
{
    private ReadOnlyMemory<byte> _rest = rest;

    /// <summary>Sends so many bytes one at a time; false when there is nothing left to send or nobody to send it to.</summary>
    public bool Send(int count)
    {
        try
        {
            for (; count > 0 && !_rest.IsEmpty; count--, _rest = _rest[1..])
            {
                stream.Write(_rest.Span[..1]);
                stream.Flush();
            }
            return !_rest.IsEmpty;
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
        {
            return false;
        }
    }
}

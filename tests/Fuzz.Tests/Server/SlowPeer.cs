using System.Net.Sockets;

namespace ACCOffload.Fuzz.Tests.Server;

/// <summary>A peer that sends its data a few bytes at a time.</summary>
/// <param name="stream">The stream; not closed by this class.</param>
/// <param name="rest">The bytes to send.</param>
internal sealed class SlowPeer(Stream stream, ReadOnlyMemory<byte> rest)
{
    private ReadOnlyMemory<byte> _rest = rest;

    /// <summary>Sends this many bytes one at a time; false if nothing is left or the connection is closed.</summary>
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

using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace ACCOffload.NativeInterop.Syscalls;

/// <summary>The peer of a unix socket, as recorded by the kernel when the connection was made.</summary>
/// <param name="Pid">Process id in our PID namespace; 0 if it is not visible there.</param>
/// <param name="Uid">Effective user id.</param>
/// <param name="Gid">Effective group id.</param>
public readonly record struct UnixPeer(int Pid, uint Uid, uint Gid)
{
    private const int SO_PEERCRED = 17;

    /// <summary>Reads SO_PEERCRED of a connected unix socket.</summary>
    /// <exception cref="ArgumentException">Not a unix socket.</exception>
    /// <exception cref="SocketException">The socket is closed or not connected.</exception>
    public static UnixPeer GetCredentials(Socket socket)
    {
        ArgumentNullException.ThrowIfNull(socket);
        if (socket.AddressFamily != AddressFamily.Unix)
        {
            throw new ArgumentException("not a unix socket", nameof(socket));
        }

        Span<byte> credentials = stackalloc byte[12];
        var length = socket.GetRawSocketOption(Libc.SOL_SOCKET, SO_PEERCRED, credentials);
        if (length != credentials.Length)
        {
            throw new SocketException((int)SocketError.InvalidArgument);
        }

        return new UnixPeer(
            MemoryMarshal.Read<int>(credentials), MemoryMarshal.Read<uint>(credentials[4..]), MemoryMarshal.Read<uint>(credentials[8..]));
    }
}

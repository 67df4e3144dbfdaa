using System.Net;
using System.Net.Sockets;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.Services.Tests.Support;

/// <summary>Sockets of other network namespaces: a socket belongs to the namespace that it was made in, whoever uses it.</summary>
internal static class Sockets
{
    // SOL_SOCKET, SO_REUSEADDR of Linux.
    private const int SolSocket = 1;
    private const int SoReuseAddress = 2;

    /// <param name="netns">The namespace.</param>
    /// <param name="protocol">TCP or UDP.</param>
    /// <param name="bound">The socket's own end; null for the kernel's choice.</param>
    /// <param name="shared">Whether others may have that end, too, as long as they talk to somebody else.</param>
    public static Socket Make(string netns, ProtocolType protocol, IPEndPoint? bound = null, bool shared = false)
    {
        using var handle = NetNamespace.OpenNamed(netns);
        return handle.Run(() =>
        {
            var socket = new Socket(AddressFamily.InterNetwork, protocol == ProtocolType.Tcp ? SocketType.Stream : SocketType.Dgram, protocol);
            try
            {
                if (protocol == ProtocolType.Tcp)
                {
                    socket.NoDelay = true;
                }
                // .NET's own option of that name is another one as well: SO_REUSEPORT.
                if (shared)
                {
                    socket.SetRawSocketOption(SolSocket, SoReuseAddress, BitConverter.GetBytes(1));
                }

                if (bound is not null)
                {
                    socket.Bind(bound);
                }

                return socket;
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        });
    }
}

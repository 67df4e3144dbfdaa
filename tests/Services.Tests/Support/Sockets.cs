using System.Net;
using System.Net.Sockets;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.Services.Tests.Support;

/// <summary>Creates sockets in other network namespaces: a socket belongs to the namespace in which it was created.</summary>
internal static class Sockets
{
    // SOL_SOCKET and SO_REUSEADDR on Linux.
    private const int SolSocket = 1;
    private const int SoReuseAddress = 2;

    /// <param name="netns">The namespace.</param>
    /// <param name="protocol">TCP or UDP.</param>
    /// <param name="bound">The local endpoint; null to let the kernel choose.</param>
    /// <param name="shared">Whether other sockets may share the local endpoint for other destinations.</param>
    public static Socket Make(string netns, ProtocolType protocol, IPEndPoint? bound = null, bool shared = false)
    {
        using var handle = NetNamespace.OpenNamed(netns);
        return handle.Run(() =>
        {
            var socket = new Socket(AddressFamily.InterNetwork,
                protocol == ProtocolType.Tcp ? SocketType.Stream : SocketType.Dgram, protocol);
            try
            {
                if (protocol == ProtocolType.Tcp)
                {
                    socket.NoDelay = true;
                }
                // .NET's option of that name also sets SO_REUSEPORT.
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

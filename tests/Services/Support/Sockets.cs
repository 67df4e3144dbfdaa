using System.Net;
using System.Net.Sockets;
using ACCOffload.NativeInterop;

namespace ACCOffload.Services.Tests.Support;

/// <summary>Sockets of other network namespaces: a socket belongs to the namespace that it was made in, whoever uses it.</summary>
internal static class Sockets
{
    public static Socket Make(string netns, ProtocolType protocol, IPEndPoint? bound = null)
    {
        using var handle = NetNamespace.OpenNamed(netns);
        return handle.Run(() =>
        {
            var socket = new Socket(AddressFamily.InterNetwork, protocol == ProtocolType.Tcp ? SocketType.Stream : SocketType.Dgram, protocol);
            try
            {
                if (protocol == ProtocolType.Tcp)
                    socket.NoDelay = true;
                if (bound is not null)
                    socket.Bind(bound);
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

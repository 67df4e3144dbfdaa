using System.Net.Sockets;
using ACCOffload.NativeInterop.Syscalls;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace ACCOffload.InfraManager.Hosting;

/// <summary>The unix socket of ctl: root's alone, by its mode and by the kernel's word on who connects.</summary>
internal sealed partial class ControlSocket(string path, string source, RefusalLog refusals, TimeProvider time) : IDisposable
{
    private const int MostConnections = 16;

    /// <summary>A trace or a watch may run for hours.</summary>
    private readonly ConnectionPool _pool = new(
        new ConnectionPoolOptions { MostOf = _ => MostConnections, Most = MostConnections, Idle = TimeSpan.FromMinutes(5), RequestArrival = TimeSpan.FromSeconds(10) }, refusals, time);

    /// <summary>Binds the socket with mode 0600 from its first moment; a stale one is replaced.</summary>
    /// <exception cref="ConfigurationException">Another inframanager serves it, or it can't be made.</exception>
    public Socket Bind()
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            SocketDirectory.Create(path);
            RemoveStale();
            // The kernel gives the file the mode that the socket has when it is bound.
            using (var handle = new Microsoft.Win32.SafeHandles.SafeFileHandle(socket.Handle, ownsHandle: false))
            {
                File.SetUnixFileMode(handle, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            }

            socket.Bind(new UnixDomainSocketEndPoint(path));
            return socket;
        }
        catch (Exception e) when (e is SocketException or IOException or UnauthorizedAccessException)
        {
            socket.Dispose();
            throw new ConfigurationException(new ConfigurationError(source, "Control:Socket", path, $"cannot be bound: {e.Message}", "name a socket in a directory that inframanager may write to"));
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public async Task RunAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        var socket = connection.Features.Get<IConnectionSocketFeature>()?.Socket;
        var peer = socket is null ? default(UnixPeer?) : UnixPeer.GetCredentials(socket);
        // The service's own user can do all that the service can; it need not be root.
        if (peer is not { } caller || (caller.Uid != 0 && caller.Uid != EffectiveUserId()))
        {
            refusals.Refused(path, peer is null ? "" : $"uid {peer.Value.Uid}", RefusalReason.ControlCaller, "only root may use the control socket");
            connection.Abort();
            return;
        }
        await _pool.RunAsync(connection, "root", $"uid {caller.Uid}", next);
    }

    public void Dispose() => _pool.Dispose();

    private void RemoveStale()
    {
        if (!File.Exists(path))
        {
            return;
        }

        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            probe.Connect(new UnixDomainSocketEndPoint(path));
        }
        catch (SocketException)
        {
            File.Delete(path);
            return;
        }
        throw new ConfigurationException(new ConfigurationError(source, "Control:Socket", path, "is served by another inframanager", "stop that one, or name another socket"));
    }

    [System.Runtime.InteropServices.LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint EffectiveUserId();
}

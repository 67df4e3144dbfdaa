using System.Net.Sockets;
using ACCOffload.NativeInterop.Sockets;
using ACCOffload.NativeInterop.Syscalls;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace ACCOffload.InfraManager.Hosting;

/// <summary>
/// The unix socket of ctl. Only root and the service's own user can use it; the file's mode and the peer credentials of each connection
/// enforce this.
/// </summary>
internal sealed partial class ControlSocket(string path, string source, RefusalLog refusals, TimeProvider time) : IDisposable
{
    private const int MaxConnections = 16;

    // A connection in use is not closed: its command would fail.
    private readonly ConnectionPool _pool = new(
        new ConnectionPoolOptions
        {
            MaxPerGroup = _ => MaxConnections,
            MaxConnections = MaxConnections,
            Idle = TimeSpan.FromMinutes(5),
            RequestArrival = TimeSpan.FromSeconds(10),
        },
        refusals,
        time);

    /// <summary>Binds the socket with mode 0600; a stale one is replaced.</summary>
    /// <exception cref="ConfigurationException">Another inframanager serves it, or it can't be created.</exception>
    public Socket Bind()
    {
        try
        {
            return UnixListener.RemoveStale(path)
                ? UnixListener.Bind(path)
                : throw Fault("is served by another inframanager", "stop that one, or name another socket");
        }
        catch (Exception e) when (e is SocketException or IOException or UnauthorizedAccessException)
        {
            throw Fault($"cannot be bound: {e.Message}", "name a socket in a directory that inframanager may write to");
        }
    }

    public async Task RunAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        var socket = connection.Features.Get<IConnectionSocketFeature>()?.Socket;
        var peer = socket is null ? default(UnixPeer?) : UnixPeer.GetCredentials(socket);
        // The service's own user is allowed too: it gains nothing that the service cannot do itself.
        if (peer is not { } caller || (caller.Uid != 0 && caller.Uid != EffectiveUserId()))
        {
            refusals.Refused(
                path, peer is null ? "unknown user" : $"uid {peer.Value.Uid}", RefusalReason.ControlCaller,
                "only root may use the control socket");
            connection.Abort();
            return;
        }
        await _pool.RunAsync(connection, "root", $"uid {caller.Uid}", next);
    }

    public void Dispose() => _pool.Dispose();

    private ConfigurationException Fault(string reason, string remedy) =>
        new(new ConfigurationError(source, "Control:Socket", path, reason, remedy));

    [System.Runtime.InteropServices.LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint EffectiveUserId();
}

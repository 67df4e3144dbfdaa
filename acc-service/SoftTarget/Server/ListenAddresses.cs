using System.Net;
using System.Net.Sockets;
using ACCOffload.Connections;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Sockets;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;

namespace ACCOffload.SoftTarget.Server;

/// <summary>Validates the listen addresses and configures Kestrel to listen on them.</summary>
internal sealed class ListenAddresses : IDisposable
{
    private const string UnixPrefix = "unix:";

    // Flow-control windows. A batch of thousands of updates takes up to several hundred KB, and several may be in flight.
    private const int WindowBytes = 4 << 20;

    private readonly List<string> _socketPaths = [];
    private readonly List<IPEndPoint> _endPoints = [];
    private readonly ControllerListener _controllerListener;

    /// <exception cref="ArgumentException">An address is malformed.</exception>
    /// <exception cref="IOException">A socket is in use by another process, or a certificate can't be read.</exception>
    public ListenAddresses(SoftTargetOptions options, RefusalLog refusals, ILogger logger)
    {
        if (options.Listen.Count == 0)
        {
            throw new ArgumentException("Listen: at least one address is required", nameof(options));
        }

        foreach (var address in options.Listen)
        {
            if (address.StartsWith(UnixPrefix, StringComparison.Ordinal))
            {
                AddSocket(address[UnixPrefix.Length..]);
            }
            else
            {
                AddEndPoint(address, options.Tls is not null);
            }
        }

        _controllerListener = new ControllerListener(options, refusals, logger);
    }

    public void Configure(KestrelServerOptions kestrel)
    {
        kestrel.AddServerHeader = false;
        kestrel.AllowSynchronousIO = false;
        kestrel.Limits.MaxRequestBodySize = null;
        kestrel.Limits.MinRequestBodyDataRate = null;
        kestrel.Limits.MinResponseDataRate = null;
        kestrel.Limits.Http2.InitialConnectionWindowSize = 2 * WindowBytes;
        kestrel.Limits.Http2.InitialStreamWindowSize = WindowBytes;
        kestrel.Limits.Http2.MaxFrameSize = 1 << 20;
        kestrel.Limits.Http2.KeepAlivePingDelay = TimeSpan.FromSeconds(30);
        kestrel.Limits.Http2.KeepAlivePingTimeout = TimeSpan.FromSeconds(20);
        foreach (var path in _socketPaths)
        {
            kestrel.ListenUnixSocket(path, o => o.Protocols = HttpProtocols.Http2);
        }

        foreach (var endPoint in _endPoints)
        {
            kestrel.Listen(endPoint, _controllerListener.Apply);
        }
    }

    /// <summary>Creates the sockets that Kestrel listens on.</summary>
    public static void Configure(SocketTransportOptions transport)
        => transport.CreateBoundListenSocket = endPoint =>
        {
            if (endPoint is not UnixDomainSocketEndPoint unix)
            {
                return SocketTransportOptions.CreateDefaultBoundListenSocket(endPoint);
            }

            return UnixListener.Bind(unix.ToString());
        };

    public void Dispose()
    {
        _controllerListener.Dispose();
        foreach (var path in _socketPaths)
        {
            File.Delete(path);
        }
    }

    private void AddSocket(string path)
    {
        if (!Path.IsPathRooted(path))
        {
            throw new ArgumentException($"Listen: {UnixPrefix}{path} is not an absolute path");
        }

        bool isFree;
        try
        {
            isFree = UnixListener.RemoveStale(path);
        }
        catch (IOException e)
        {
            throw new IOException($"Listen: {e.Message}", e);
        }

        if (!isFree)
        {
            throw new IOException($"Listen: {path} is in use by another process");
        }

        _socketPaths.Add(path);
    }

    private void AddEndPoint(string address, bool hasTls)
    {
        var text = address.StartsWith("localhost:", StringComparison.Ordinal) ? "127.0.0.1:" + address["localhost:".Length..] : address;
        if (!IpText.TryParseEndPoint(text, out var endPoint))
        {
            throw new ArgumentException($"Listen: {address} is neither unix:/PATH nor ADDRESS:PORT");
        }

        if (!hasTls && !IPAddress.IsLoopback(endPoint.Address))
        {
            throw new ArgumentException($"Listen: {address} is not a loopback address: certificates are required");
        }

        _endPoints.Add(endPoint);
    }
}

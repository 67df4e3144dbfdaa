using System.Net;
using Gnmi;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace ACCOffload.FaithfulTarget;

/// <summary>One run of the simulated target process, from its start until it exits or crashes.</summary>
internal sealed class TargetProcess : IAsyncDisposable
{
    private const int MaxMessageBytes = 256 << 20;
    private readonly Lock _gate = new();
    private readonly HashSet<ConnectionContext> _connections = [];
    private readonly CancellationTokenSource _end = new();
    private readonly TaskCompletionSource<string> _died = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly WebApplication _app;
    private Task _scriptTask = Task.CompletedTask;
    private bool _hasEnded;

    private TargetProcess(FaithfulOptions options, TargetLog log, Device device, int port)
    {
        Options = options;
        Log = log;
        Device = device;
        Arbiter = new Arbiter(options.Behaviours);
        Ended = _end.Token;
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(k => Listen(k, port));
        builder.Services.AddGrpc(o => o.MaxReceiveMessageSize = MaxMessageBytes);
        builder.Services.AddSingleton(this);
        _app = builder.Build();
        _app.MapGrpcService<P4RuntimeService>();
        _app.MapGrpcService<GnmiService>();
    }

    public FaithfulOptions Options { get; }

    public TargetLog Log { get; }

    public Device Device { get; }

    public Arbiter Arbiter { get; }

    public CancellationToken Ended { get; }

    /// <summary>The TCP port; 0 on a unix socket.</summary>
    public int Port { get; private set; }

    /// <summary>Completes with the reason when the process is dead.</summary>
    public Task<string> Died => _died.Task;

    public static async Task<TargetProcess> StartAsync(FaithfulOptions options, TargetLog log, Device device, int port)
    {
        var process = new TargetProcess(options, log, device, port);
        if (options.SocketPath.Length > 0)
        {
            File.Delete(options.SocketPath);
        }

        await process._app.StartAsync();
        if (options.SocketPath.Length == 0)
        {
            process.Port = new Uri(
                process._app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First()).Port;
        }

        process._scriptTask = process.CreateScriptTapsAsync();
        return process;
    }

    /// <summary>Runs code that may crash the process. If it does, all connections are dropped before a response is sent.</summary>
    public T Survive<T>(Func<T> code)
    {
        try
        {
            return code();
        }
        catch (TargetCrashException e)
        {
            End(e.Message);
            throw new RpcException(new Status(StatusCode.Unavailable, e.Message));
        }
    }

    /// <summary>Drops all connections and stops listening. Only the first call's reason is kept.</summary>
    public void End(string reason)
    {
        ConnectionContext[] connections;
        lock (_gate)
        {
            if (_hasEnded)
            {
                return;
            }

            _hasEnded = true;
            connections = [.. _connections];
        }

        foreach (var connection in connections)
        {
            connection.Abort();
        }

        _ = Task.Run(async () =>
        {
            await _end.CancelAsync();
            using var now = new CancellationTokenSource();
            await now.CancelAsync();
            try
            {
                await _app.StopAsync(now.Token);
            }
            catch (OperationCanceledException)
            {
                // Pending requests are aborted.
            }

            await _app.DisposeAsync();
            try
            {
                await _scriptTask;
            }
            finally
            {
                Device.CloseLinks();
                _died.TrySetResult(reason);
            }
        });
    }

    public async ValueTask DisposeAsync()
    {
        End("disposed");
        await Died;
        _end.Dispose();
    }

    private void Listen(KestrelServerOptions kestrel, int port)
    {
        if (Options.SocketPath.Length > 0)
        {
            kestrel.ListenUnixSocket(Options.SocketPath, Configure);
        }
        else
        {
            kestrel.Listen(IPAddress.Loopback, port, Configure);
        }

        void Configure(ListenOptions listen)
        {
            listen.Protocols = HttpProtocols.Http2;
            // Registered before TLS, so that Abort drops the raw TCP connection.
            listen.Use(next => connection => TrackAsync(connection, next));
            if (Options.Certificate is not { } certificate)
            {
                return;
            }

            listen.UseHttps(new HttpsConnectionAdapterOptions
            {
                ServerCertificate = certificate,
                ClientCertificateMode = Options.AcceptsClient is null
                    ? ClientCertificateMode.NoCertificate
                    : ClientCertificateMode.RequireCertificate,
                ClientCertificateValidation = (client, _, _) => Options.AcceptsClient?.Invoke(client) ?? true,
            });
        }
    }

    private async Task TrackAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        lock (_gate)
        {
            if (!_hasEnded)
            {
                _connections.Add(connection);
            }
        }

        try
        {
            if (_hasEnded)
            {
                connection.Abort();
            }

            await next(connection);
        }
        finally
        {
            lock (_gate)
            {
                _connections.Remove(connection);
            }
        }
    }

    private async Task CreateScriptTapsAsync()
    {
        try
        {
            foreach (var tap in Options.ScriptTaps)
            {
                await Task.Delay(tap.Delay, Ended);
                var path = new PortPath(tap.Name, PortPath.Type).ToProto();
                Device.SetPorts(
                    new SetRequest { Update = { new Gnmi.Update { Path = path, Val = new TypedValue { StringVal = "TAP" } } } });
            }
        }
        catch (OperationCanceledException)
        {
            // The process died before the last TAP.
        }
        catch (RpcException)
        {
            // A pipeline was already pushed, or a controller had already set this port. The scripts stop at their first error.
        }
    }
}

using ACCOffload.Connections;
using ACCOffload.SoftTarget.Engine;
using ACCOffload.SoftTarget.Ports;
using ACCOffload.SoftTarget.Server;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace ACCOffload.SoftTarget;

/// <summary>
/// A P4 target in software: serves P4Runtime and gNMI, and forwards packets between Linux links with the loaded pipeline. It keeps no state
/// across restarts; controllers program it again.
/// </summary>
public sealed class SoftTargetHost : IAsyncDisposable
{
    /// <summary>Category of its log messages.</summary>
    public const string LogCategory = "SoftTarget";

    private readonly WebApplication _application;
    private readonly ServerShutdown _shutdown;
    private readonly DataPlane? _dataPlane;
    private readonly PortBinder? _binder;
    private readonly ListenAddresses _addresses;
    private int _disposed;

    private SoftTargetHost(
        WebApplication application, ServerShutdown shutdown, DataPlane? dataPlane, PortBinder? binder, ListenAddresses addresses)
    {
        _application = application;
        _shutdown = shutdown;
        _dataPlane = dataPlane;
        _binder = binder;
        _addresses = addresses;
    }

    /// <summary>The addresses it listens on, with the actual port numbers for ":0".</summary>
    public IReadOnlyList<string> Addresses
        => [.. _application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()?.Addresses ?? []];

    /// <summary>Starts a soft target; it is serving when the task completes.</summary>
    /// <param name="options">The options.</param>
    /// <param name="loggerFactory">Messages use the category <see cref="LogCategory"/>.</param>
    /// <param name="cancellationToken">Cancels the start.</param>
    /// <exception cref="ArgumentException">An option has an invalid value; the message names it.</exception>
    /// <exception cref="IOException">An address is in use, or a certificate can't be read.</exception>
    public static async Task<SoftTargetHost> StartAsync(
        SoftTargetOptions options, ILoggerFactory loggerFactory, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(loggerFactory);
        var logger = loggerFactory.CreateLogger(LogCategory);
        var refusals = new RefusalLog(options.TimeProvider, logger);
        var addresses = new ListenAddresses(options, refusals, logger);
        var device = new SoftDevice(options.DeviceId, new SwxPipelineOptions { TimeProvider = options.TimeProvider }, logger);
        var packets = new PacketGateway(device);
        var shutdown = new ServerShutdown();
        var table = new PortTable(options.CpuPort - 1);
        DataPlane? dataPlane = null;
        PortBinder? binder = null;
        WebApplication? application = null;
        try
        {
            if (options.ServePorts)
            {
                dataPlane = new DataPlane(options.CpuPort, packets, logger);
                packets.DataPlane = dataPlane;
                device.Committed += state => dataPlane.Use(state.Engine);
                binder = new PortBinder(
                    string.IsNullOrEmpty(options.PortNamespace) ? null : options.PortNamespace, table, dataPlane, logger);
            }

            application = Build(options, loggerFactory, services =>
            {
                services.AddSingleton(options);
                services.AddSingleton(logger);
                services.AddSingleton(device);
                services.AddSingleton(packets);
                services.AddSingleton(shutdown);
                services.AddSingleton(table);
                var ports = new PortManager(table, binder, logger);
                services.AddSingleton(ports);
                services.AddSingleton(new TargetState(device, ports, dataPlane));
                services.AddSingleton(options.TimeProvider);
                services.AddSingleton(refusals);
            }, addresses);
            await application.StartAsync(cancellationToken);
            return new SoftTargetHost(application, shutdown, dataPlane, binder, addresses);
        }
        catch
        {
            if (application is not null)
            {
                await application.DisposeAsync();
            }

            binder?.Dispose();
            dataPlane?.Dispose();
            addresses.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Stops serving, ends the controllers' streams, and closes the ports. TAPs disappear; other links and namespaces stay as they are.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        _shutdown.Begin();
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(5));
        await _application.StopAsync(limit.Token);
        await _application.DisposeAsync();
        _binder?.Dispose();
        _dataPlane?.Dispose();
        _addresses.Dispose();
    }

    private static WebApplication Build(
        SoftTargetOptions options, ILoggerFactory loggerFactory, Action<IServiceCollection> services, ListenAddresses addresses)
    {
        // Use an empty builder: a library must not take configuration or addresses from the environment.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Services.AddSingleton<ILoggerFactory>(new HandshakeErrors(loggerFactory));
        builder.Services.AddSingleton<IHostLifetime, EmbeddedLifetime>();
        builder.Services.AddRoutingCore();
        builder.Services.AddGrpc(grpc =>
        {
            grpc.MaxReceiveMessageSize = 256 << 20;
            grpc.MaxSendMessageSize = null;
        });
        CheckedMethods.RemoveDefaultBinding(builder.Services);
        CheckedMethods.Add<P4RuntimeEndpoint>(builder.Services, P4RuntimeMethods.Bind);
        CheckedMethods.Add<GnmiService>(builder.Services, (binder, service) => Gnmi.gNMI.BindService(binder, service));
        CheckedMethods.Add<TraceService>(builder.Services, (binder, service) => Protos.V1.SoftTarget.BindService(binder, service));
        services(builder.Services);
        builder.WebHost.UseKestrelCore();
        builder.Services.Configure<Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets.SocketTransportOptions>(ListenAddresses.Configure);
        if (options.Tls is not null)
        {
            builder.WebHost.UseKestrelHttpsConfiguration();
        }

        builder.WebHost.ConfigureKestrel(addresses.Configure);
        var application = builder.Build();
        var tracking = new RequestTracking(application.Services.GetRequiredService<RefusalLog>());
        application.Use(next => context => tracking.RunAsync(context, next));
        application.UseRouting();
        application.MapGrpcService<P4RuntimeEndpoint>();
        application.MapGrpcService<GnmiService>();
        application.MapGrpcService<TraceService>();
        return application;
    }
}

using ACCOffload.Daemon;
using ACCOffload.InfraManager.Api;
using ACCOffload.InfraManager.Conditions;
using ACCOffload.InfraManager.Configuration;
using ACCOffload.InfraManager.Control;
using ACCOffload.InfraManager.Felix;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.Security;
using Grpc.HealthCheck;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace ACCOffload.InfraManager.Hosting;

/// <summary>Serves the API over mutual TLS, health without TLS, and the socket of ctl.</summary>
internal sealed class ApiServer : IAsyncDisposable
{
    private const int ControlMessageBytes = 1 << 20;
    private const int MaxHealthConnections = 64;
    private const int MaxHealthConnectionsPerAddress = 16;

    private readonly string _source;
    private readonly WebApplication _app;
    private readonly TrustStore _trust;
    private readonly PeerConnections _connections;
    private readonly MutualTls _tls;
    private readonly ConnectionPool _healthConnections;
    private readonly ControlSocket _controlSocket;
    private readonly RequestGate _gate;
    private readonly FileMonitor _monitor;
    private readonly HealthServiceImpl _health = new();
    private readonly HealthPublisher _publisher;

    /// <exception cref="CertificateFileException">A certificate is unusable.</exception>
    public ApiServer(
        Settings settings, IProgrammer core, ControlService control, ConditionSource conditions, AgentLog agents, AgentFelix? felix,
        ILoggerFactory loggers, TimeProvider time)
    {
        _source = settings.Source;
        var security = loggers.CreateLogger(Features.Security);
        var refusals = new RefusalLog(time, security);
        _trust = new TrustStore(settings.Api, time, security);
        _publisher = new HealthPublisher(_health, conditions, time);
        _connections = new PeerConnections(_trust, time, security);
        _tls = new MutualTls(settings.Api, settings.Node.Name, _trust, _connections, refusals, time);
        _healthConnections = new ConnectionPool(
            new ConnectionPoolOptions
            {
                MaxPerGroup = _ => MaxHealthConnectionsPerAddress,
                MaxConnections = MaxHealthConnections,
                Idle = settings.Api.Connections.Idle,
                RequestArrival = settings.Api.Connections.RequestArrival,
                ClosesBusy = true,
            },
            refusals,
            time);
        _monitor = new FileMonitor(_trust.Files, _trust.Reload, TimeSpan.FromSeconds(10), time, security);

        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Services.AddSingleton<ILoggerFactory>(new HandshakeErrors(loggers));
        builder.Services.AddSingleton<IHostLifetime, EmbeddedLifetime>();
        builder.Services.AddRoutingCore();
        AddGrpc(builder.Services, settings, core, control, conditions, agents, felix, loggers, refusals, time);
        _controlSocket = new ControlSocket(settings.Control.Socket, settings.Source, refusals, time);
        builder.WebHost.UseKestrelCore();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            SetLimits(kestrel, settings.Api);
            kestrel.Listen(settings.Api.Listen, listen =>
            {
                Tag(listen, ListenerKind.Api);
                _tls.Apply(listen);
            });
            if (settings.Api.HealthListen is { } health)
            {
                kestrel.Listen(health, listen =>
                {
                    Tag(listen, ListenerKind.Health);
                    listen.Protocols = HttpProtocols.Http2;
                    listen.Use(next => connection => _healthConnections.RunAsync(connection, PeerName.GroupOf(connection), "", next));
                });
            }
            kestrel.ListenUnixSocket(settings.Control.Socket, listen =>
            {
                Tag(listen, ListenerKind.Control);
                listen.Protocols = HttpProtocols.Http2;
                listen.Use(next => connection => _controlSocket.RunAsync(connection, next));
            });
        });
        builder.Services.Configure<SocketTransportOptions>(o => o.CreateBoundListenSocket = endPoint =>
            endPoint is System.Net.Sockets.UnixDomainSocketEndPoint
                ? _controlSocket.Bind()
                : SocketTransportOptions.CreateDefaultBoundListenSocket(endPoint));

        _app = builder.Build();
        var tracking = new RequestTracking(refusals);
        _app.Use(next => context => tracking.RunAsync(context, next));
        if (felix is not null)
        {
            _app.Use(next => context => AgentPolicyCall.RunAsync(felix, settings.Node.Name, context, next));
        }

        _gate = new RequestGate(_connections, settings.Node.Name);
        _app.Use(next => context => _gate.RunAsync(context, next));
        _app.UseRouting();
        _app.MapGrpcService<OffloadService>();
        _app.MapGrpcService<InfraAgentService>();
        _app.MapGrpcService<AgentPolicyService>();
        _app.MapGrpcService<HealthServiceImpl>();
        _app.MapGrpcService<ControlService>();
    }

    /// <summary>The addresses that it listens on, with the actual port if port 0 was configured.</summary>
    public IEnumerable<string> Addresses => _app.Urls;

    /// <summary>The certificates in force.</summary>
    public TrustStore Trust => _trust;

    /// <summary>Established connections on the mutual TLS port.</summary>
    public int Connections => _connections.Count;

    /// <exception cref="ConfigurationException">An address can't be bound.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        _publisher.Start();
        try
        {
            await _app.StartAsync(cancellationToken);
        }
        catch (IOException e)
        {
            throw new ConfigurationException(new ConfigurationError(
                _source, "Api", null, $"an address cannot be bound: {e.Message}",
                "stop the program that uses it, or change Api:Listen or Api:HealthListen"));
        }
    }

    /// <summary>Accepts nothing more and waits for running requests until the token is cancelled.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _publisher.StopAsync();
        try
        {
            await _app.StopAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Time is up: the remaining connections are aborted.
        }
    }

    /// <summary>Reads the certificates again, on SIGHUP.</summary>
    public void ReloadCertificates() => _monitor.LookNow();

    public async ValueTask DisposeAsync()
    {
        await _publisher.DisposeAsync();
        _monitor.Dispose();
        _connections.Dispose();
        await _app.DisposeAsync();
        _tls.Dispose();
        _healthConnections.Dispose();
        _controlSocket.Dispose();
        _gate.Dispose();
    }

    private void AddGrpc(
        IServiceCollection services, Settings settings, IProgrammer core, ControlService control, ConditionSource conditions,
        AgentLog agents, AgentFelix? felix, ILoggerFactory loggers, RefusalLog refusals, TimeProvider time)
    {
        services.AddGrpc(o =>
        {
            o.MaxReceiveMessageSize = settings.Api.MaxMessageBytes;
            o.EnableDetailedErrors = false;
        }).AddServiceOptions<ControlService>(o =>
        {
            // A table may have hundreds of thousands of rows, and the client is root on this machine.
            o.MaxSendMessageSize = null;
            o.MaxReceiveMessageSize = ControlMessageBytes;
        });
        var api = loggers.CreateLogger(Features.Api);
        var guard = new RpcGuard(settings.Node.Name, refusals, api);
        CheckedMethods.RemoveDefaultBinding(services);
        CheckedMethods.Add(
            services, new OffloadService(core, settings.Node, conditions, guard, agents),
            (binder, service) => Protos.V1.Offload.BindService(binder, service));
        var infra = new InfraAgentService(core, guard, settings.Node, settings.Services.Source == ServicesSource.Agent, felix, time, api);
        CheckedMethods.Add(services, infra, (binder, service) => Protos.Infra.InfraAgent.BindService(binder, service));
        var policy = new AgentPolicyService(felix is not null, guard, time, api);
        CheckedMethods.Add(services, policy, AgentPolicyService.Bind);
        conditions.AddNotice(() => policy.Notice);
        CheckedMethods.Add(services, control, (binder, service) => Protos.V1.Control.BindService(binder, service));
        CheckedMethods.Add(services, _health, (binder, service) => Grpc.Health.V1.Health.BindService(binder, service));
    }

    private static void SetLimits(KestrelServerOptions kestrel, ApiSettings api)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestBodySize = Math.Max(api.MaxMessageBytes, ControlMessageBytes) + 16;
        kestrel.Limits.MaxRequestHeadersTotalSize = 16 << 10;
        kestrel.Limits.RequestHeadersTimeout = api.Connections.RequestArrival;
        // A stalled request is ended by its own limit, without closing the connection and the other requests on it.
        kestrel.Limits.MinRequestBodyDataRate = null;
        kestrel.Limits.Http2.MaxStreamsPerConnection = api.MaxStreams;
        kestrel.Limits.Http2.KeepAlivePingDelay = TimeSpan.FromSeconds(30);
        kestrel.Limits.Http2.KeepAlivePingTimeout = TimeSpan.FromSeconds(20);
    }

    private static void Tag(ListenOptions listen, ListenerKind kind)
    {
        var listener = new Listener(kind);
        listen.Use(next => connection =>
        {
            connection.Features.Set(listener);
            return next(connection);
        });
    }
}

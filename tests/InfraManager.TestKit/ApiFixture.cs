using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using ACCOffload.InfraManager.Api;
using ACCOffload.InfraManager.Conditions;
using ACCOffload.InfraManager.Configuration;
using ACCOffload.InfraManager.Control;
using ACCOffload.InfraManager.ControlProtocol;
using ACCOffload.InfraManager.Felix;
using ACCOffload.InfraManager.Hosting;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.RuleCounters;
using ACCOffload.InfraManager.Security;
using ACCOffload.InfraManager.Target;
using ACCOffload.InfraManager.Vports;
using ACCOffload.TestKit.Certificates;
using ACCOffload.TestKit.Configurations;
using ACCOffload.TestKit.Logging;
using Grpc.Net.Client;

namespace ACCOffload.InfraManager.TestKit;

/// <summary>An API server on a fake core, with test certificates.</summary>
internal sealed class ApiFixture : IAsyncDisposable
{
    private readonly List<IDisposable> _disposables = [];
    private IProgrammer _core = null!;
    private ITargetView _view = null!;

    private ApiFixture(TimeProvider time)
    {
        Time = time;
        Pki = new TestPki(time.GetUtcNow());
    }

    public TimeProvider Time { get; }

    public Folder Folder { get; } = new();

    public TestPki Pki { get; }

    public FakeCore Core { get; } = new();

    public FakeTargetView Target { get; } = new();

    public LogCollector Log { get; } = new();

    public ConditionSource Conditions { get; private set; } = null!;

    /// <summary>Reads the counters of policy's rules when asked.</summary>
    public RuleCounterWatch Counters { get; private set; } = null!;

    public Settings Settings { get; private set; } = null!;

    /// <summary>Where policy from the agent goes; null if it has no effect.</summary>
    public AgentFelix? Felix { get; private set; }

    public ApiServer Server { get; private set; } = null!;

    public string ControlSocket => Folder.At("control.sock");

    public string TargetSocket => Folder.At("target.sock");

    public Uri ApiAddress => new(Server.Addresses.First(a => a.StartsWith("https:", StringComparison.Ordinal)));

    public Uri HealthAddress => new(Server.Addresses.First(a => a.StartsWith("http://127", StringComparison.Ordinal)));

    public static async Task<ApiFixture> StartAsync(TimeProvider? time = null, bool revocation = false,
        Func<ApiSettings, ApiSettings>? change = null, string servicesFrom = "watch", string? virtualRange = "10.96.0.0/12",
        IProgrammer? core = null, ITargetView? view = null, bool takesPolicy = false)
    {
        var fixture = new ApiFixture(time ?? TimeProvider.System);
        fixture._core = core ?? fixture.Core;
        fixture._view = view ?? fixture.Target;
        fixture.Felix = takesPolicy
            ? new AgentFelix(fixture._core, fixture.Time, fixture.Log.CreateLogger(Features.Felix))
            : null;
        fixture.WriteServer(fixture.Pki.IssueServer());
        fixture.Pki.WriteAuthority(fixture.Folder.Root);
        if (revocation)
        {
            fixture.WriteRevocations();
        }

        var folder = fixture.Folder;
        var configuration = InfraManagerJson.Create("192.0.2.2", "200.1.1.2")
            .Set("Node:VirtualRanges", virtualRange is null ? [] : new JsonArray(virtualRange))
            .Set("Services:Source", servicesFrom)
            .WithApi("127.0.0.1:0", folder.Root, "127.0.0.1:0")
            .Set("Api:CrlFile", revocation ? folder.At("ca.crl") : "")
            .Set("Api:HandshakeSeconds", 30)
            .WithControl(fixture.ControlSocket);
        var settings = SettingsLoader.Load(
            folder.Write("inframanager.json", configuration.ToJsonString()), new Dictionary<string, string>());
        fixture.Settings = change is null ? settings : settings with { Api = change(settings.Api) };
        fixture.Core.Node = settings.Node;
        await fixture.ServeAsync();
        return fixture;
    }

    public void WriteServer(X509Certificate2 certificate) => TestPki.WritePair(Folder.Root, certificate);

    public void WriteRevocations(params IReadOnlyList<X509Certificate2> revoked) => WriteRevocations(Time.GetUtcNow().AddDays(7), revoked);

    public void WriteRevocations(DateTimeOffset nextUpdate, params IReadOnlyList<X509Certificate2> revoked)
    {
        var list = Pki.Revoke(nextUpdate, revoked);
        File.WriteAllText(Folder.At("ca.crl.new"), new string(System.Security.Cryptography.PemEncoding.Write("X509 CRL", list)));
        File.Move(Folder.At("ca.crl.new"), Folder.At("ca.crl"), overwrite: true);
    }

    /// <summary>A channel to the mutual TLS port.</summary>
    public GrpcChannel Connect(X509Certificate2? certificate, SslProtocols protocols = SslProtocols.None,
        Action<X509Certificate2>? onServer = null, int? maxReceive = null)
    {
        var handler = Handler(certificate, protocols, onServer);
        var channel = GrpcChannel.ForAddress(ApiAddress,
            new GrpcChannelOptions { HttpHandler = handler, DisposeHttpClient = true, MaxReceiveMessageSize = maxReceive ?? (4 << 20) });
        _disposables.Add(channel);
        return channel;
    }

    /// <summary>An HTTP handler for the mutual TLS port.</summary>
    public SocketsHttpHandler Handler(X509Certificate2? certificate, SslProtocols protocols = SslProtocols.None,
        Action<X509Certificate2>? onServer = null) => new()
        {
            UseProxy = false,
            SslOptions = new SslClientAuthenticationOptions
            {
                EnabledSslProtocols = protocols,
                ClientCertificates = certificate is null ? null : [certificate],
                LocalCertificateSelectionCallback = certificate is null ? null : (_, _, _, _, _) => certificate,
                TargetHost = "accoffload-acc",
                RemoteCertificateValidationCallback = (_, server, _, _) =>
                {
                    if (server is not X509Certificate2 seen)
                    {
                        return false;
                    }

                    onServer?.Invoke(seen);
                    return seen.Issuer == Pki.Authority.Subject;
                },
            },
        };

    public GrpcChannel ConnectPlain(Uri address)
    {
        var channel = GrpcChannel.ForAddress(address);
        _disposables.Add(channel);
        return channel;
    }

    public GrpcChannel ConnectControl()
    {
        var channel = UnixChannel.Create(ControlSocket);
        _disposables.Add(channel);
        return channel;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var disposable in _disposables)
        {
            disposable.Dispose();
        }

        await Server.DisposeAsync();
        if (Felix is not null)
        {
            await Felix.DisposeAsync();
        }

        await Counters.DisposeAsync();
        Pki.Dispose();
        Folder.Dispose();
    }

    private async Task ServeAsync()
    {
        var tracer = new TraceProxy($"unix:{TargetSocket}");
        _disposables.Add(tracer);
        var guard = new RpcGuard("node-1", new RefusalLog(Time, Log.CreateLogger(Features.Security)), Log.CreateLogger(Features.Control));
        var agents = new AgentLog(Time, Log.CreateLogger(Features.Api));
        Conditions = new ConditionSource(_core);
        Counters = new RuleCounterWatch(_core, _view, Time, Log.CreateLogger(Features.Policy));
        var control = new ControlService(_core, _view, () => Target.Ports, tracer, null, null,
            OwnVport.Of(Settings.Subfunctions, Settings.ArpProxy.Interface, Settings.Node.GatewayMac), Settings.Node, "test target",
            Conditions, guard, agents, Counters, Time);
        Server = new ApiServer(Settings, _core, control, Conditions, agents, Felix, Log, Time);
        Conditions.Add(() => CertificateCondition.Of(Server.Trust, "", Time.GetUtcNow()));
        await Server.StartAsync(CancellationToken.None);
    }
}

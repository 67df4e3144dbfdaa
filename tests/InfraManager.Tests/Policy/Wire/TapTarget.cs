using ACCOffload.InfraManager.Target;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.NativeInterop.Syscalls;
using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Ports;
using ACCOffload.P4Runtime.Session;
using ACCOffload.SoftTarget;
using ACCOffload.SoftTarget.Server;
using Microsoft.Extensions.Logging.Abstractions;

namespace ACCOffload.InfraManager.Tests.Policy.Wire;

/// <summary>
/// A soft target with the committed pipeline, which forwards packets between TAP links in a namespace of its own, and the connection that
/// programs it over P4Runtime and gNMI.
/// </summary>
internal sealed class TapTarget : IAsyncDisposable
{
    private readonly string _name;
    private readonly NetNamespace _namespace;
    private readonly SoftTargetHost _host;
    private readonly P4RuntimeSession _session;
    private readonly GnmiClient _ports;

    private TapTarget(Folder folder, string name, NetNamespace ports, SoftTargetHost host)
    {
        (Folder, _name, _namespace, _host) = (folder, name, ports, host);
        var endpoint = new TargetEndpoint { Address = $"unix:{folder.At("p4.sock")}" };
        _session = new P4RuntimeSession(new P4RuntimeSessionOptions { Endpoint = endpoint }, NullLogger.Instance);
        _ports = new GnmiClient(endpoint, TimeSpan.FromSeconds(10));
        Target = new P4Target(
            _session, _ports, TestPipeline.Artifacts, TestNode.Settings, TargetTraits.Soft, TargetPorts.None, NullLogger.Instance);
        Pods = new PodLinks(ports, TestNode.Settings.GatewayMac);
    }

    public P4Target Target { get; }

    public PodLinks Pods { get; }

    /// <summary>Folder for what belongs to this target.</summary>
    public Folder Folder { get; }

    public static async Task<TapTarget> StartAsync()
    {
        var folder = new Folder();
        var name = "pw" + Guid.NewGuid().ToString("N")[..10];
        var ports = NetNamespace.CreateNamed(name);
        var options = new SoftTargetOptions { Listen = [$"unix:{folder.At("p4.sock")}"], PortNamespace = NetNamespace.NamedPath(name) };
        return new TapTarget(folder, name, ports, await SoftTargetHost.StartAsync(options, NullLoggerFactory.Instance));
    }

    /// <summary>Connects. What uses the target must be ready to hear of it.</summary>
    public void Connect() => _session.Start();

    public async ValueTask DisposeAsync()
    {
        Pods.Dispose();
        Target.Dispose();
        await _ports.DisposeAsync();
        await _session.DisposeAsync();
        await _host.DisposeAsync();
        _namespace.Dispose();
        NetNamespace.DeleteNamed(_name);
        Folder.Dispose();
    }
}

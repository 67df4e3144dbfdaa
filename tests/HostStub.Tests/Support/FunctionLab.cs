using System.Text.Json.Nodes;
using ACCOffload.FakeKernel;
using ACCOffload.HostStub.Devices;
using ACCOffload.HostStub.Plugin;
using ACCOffload.HostStub.TestKit;
using ACCOffload.HostStub.Wire;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.HostStub.Tests.Support;

/// <summary>An agent on a host with fake hardware whose functions have real links.</summary>
internal sealed class FunctionLab : IAsyncDisposable
{
    public const string Address = "0000:03:00.0";

    private readonly NetNamespace _host;
    private readonly NamespaceNetdevs _netdevs;

    private FunctionLab(string prefix, int totalVfs)
    {
        Prefix = prefix;
        _host = NetNamespace.OpenCurrent();
        _netdevs = new NamespaceNetdevs(_host);
        Host = new FakeHost(_netdevs);
        Physical = Host.AddPci(Address, totalVfs: totalVfs, netdev: prefix);
        Physical.OnVfCreated = vf => vf.AddNetdev($"{prefix}v{vf.Number}");
        Switch = Host.AddDevlink(Physical);
        Switch.Activation = port =>
        {
            port.Attach();
            port.AddNetdev($"{prefix}s{port.SfNumber}");
        };
    }

    /// <summary>Prefix of the names of this lab's links in the host's namespace.</summary>
    public string Prefix { get; }

    public FakeHost Host { get; }

    public FakePciFunction Physical { get; }

    public FakeDevlinkDevice Switch { get; }

    public AgentLab Agent { get; private set; } = null!;

    public static async Task<FunctionLab> CreateAsync(
        Action<JsonObject> device, int totalVfs = 8, Action<FunctionLab>? prepare = null, string? subnet = null)
    {
        var lab = new FunctionLab($"f{Guid.NewGuid():N}"[..7], totalVfs);
        prepare?.Invoke(lab);
        try
        {
            lab.Agent = await AgentLab.CreateAsync(prepare: l =>
            {
                l.Hardware = new HostHardware(lab.Host.Pci, lab.Host.OpenDevlink, lab.Host.OpenRoute);
                l.Subnet = subnet ?? l.Subnet;
                device(l.Config["Device"]!.AsObject());
            });
            return lab;
        }
        catch
        {
            await lab.DisposeAsync();
            throw;
        }
    }

    public static JsonObject Vf(int count) => new() { ["PhysicalFunctions"] = new JsonArray(Address), ["Count"] = count };

    public static JsonObject Sf() => new() { ["Device"] = $"pci/{Address}", ["Numbers"] = "10-13" };

    /// <summary>A link of the host.</summary>
    public static LinkInfo? Link(string name)
    {
        using var links = RouteNetlink.Open();
        return links.GetLink(name);
    }

    /// <summary>The pod's interface.</summary>
    public static LinkInfo? PodLink(Pod pod)
    {
        using var ns = pod.Open();
        using var links = RouteNetlink.Open(ns);
        return links.GetLink("eth0");
    }

    /// <summary>What `host-stub devices` reports about the pool.</summary>
    public JsonNode Pool(string kind) =>
        JsonNode.Parse(AgentSocket.Ask(
            Agent.Socket,
            AgentRequest.Encode(AgentRequestKind.Devices, [], default),
            TimeSpan.FromSeconds(20)).Output.Span)!["pools"]!.AsArray()
            .First(p => (string?)p!["kind"] == kind)!;

    public string[] Free(string kind) => [.. Pool(kind)["free"]!.AsArray().Select(f => (string)f!)];

    public async ValueTask DisposeAsync()
    {
        if (Agent is not null)
        {
            await Agent.DisposeAsync();
        }

        Host.Dispose();
        _netdevs.Dispose();
        _host.Dispose();
    }
}

using System.Collections.Immutable;
using System.Diagnostics;
using ACCOffload.InfraManager.Arp;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Syscalls;
using Microsoft.Extensions.Logging.Abstractions;

namespace ACCOffload.InfraManager.Tests.Arp;

/// <summary>
/// The responder on a real link: a veth pair between a pod and the ACC stands in for a pipeline that does not answer ARP.
/// </summary>
public sealed class ArpProxyTests : IDisposable
{
    private readonly string _pod = $"imarp-{Guid.NewGuid():N}p";
    private readonly string _acc = $"imarp-{Guid.NewGuid():N}a";
    private readonly List<IDisposable> _owned = [];
    private volatile IReadOnlyDictionary<long, EndpointView> _endpoints = ImmutableDictionary<long, EndpointView>.Empty;

    public void Dispose()
    {
        foreach (var owned in Enumerable.Reverse(_owned))
        {
            owned.Dispose();
        }

        foreach (var name in new[] { _pod, _acc })
        {
            if (File.Exists(NetNamespace.NamedPath(name)))
            {
                NetNamespace.DeleteNamed(name);
            }
        }
    }

    [Fact]
    public async Task A_pod_resolves_the_gateway_and_an_unknown_sender_does_not()
    {
        Needs.Root();
        var proxy = Start();
        Attach(TestNode.Pod(1) with { Mac = MacAddress.Parse("02:00:00:00:00:11") });
        await Eventually.TrueAsync(() => proxy.Problem.Length == 0, () => proxy.Problem);
        await ResolvesAsync("169.254.1.1");
        Assert.InRange(proxy.Count(ArpVerdict.Answered), 1, long.MaxValue);
        // All other hosts are behind the gateway too.
        await ResolvesAsync("10.244.0.77");

        // After the pod is detached, its addresses are unknown.
        _endpoints = ImmutableDictionary<long, EndpointView>.Empty;
        Ip("neigh", "flush", "all");
        Ping("169.254.1.1");
        await Eventually.TrueAsync(() => proxy.Count(ArpVerdict.SpoofedArp) > 0, "the request is counted");
        Assert.DoesNotContain("02:ac:c0:00:00:01", Ip("neigh", "show", "169.254.1.1"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_link_may_be_removed_renamed_and_restored()
    {
        Needs.Root();
        var proxy = Start();
        Attach(TestNode.Pod(1) with { Mac = MacAddress.Parse("02:00:00:00:00:11") });
        await Eventually.TrueAsync(() => proxy.Problem.Length == 0, () => proxy.Problem);
        RunIn(_acc, "ip", "link", "del", "arp0");
        await Eventually.TrueAsync(() => proxy.Problem.Length > 0, "the loss is reported");

        Connect();
        await Eventually.TrueAsync(() => proxy.Problem.Length == 0, () => proxy.Problem);
        await ResolvesAsync("169.254.1.1");

        // Under another name it is another interface.
        RunIn(_acc, "ip", "link", "set", "arp0", "down");
        await Eventually.TrueAsync(() => proxy.Problem.Contains("set it up", StringComparison.Ordinal), "the link is reported as down");
        RunIn(_acc, "ip", "link", "set", "arp0", "name", "other0");
        RunIn(_acc, "ip", "link", "set", "other0", "up");
        await Eventually.TrueAsync(
            () => proxy.Problem.Contains("arp0", StringComparison.Ordinal) && !proxy.Problem.Contains("is down", StringComparison.Ordinal),
            "the new name is detected");
        var answered = proxy.Count(ArpVerdict.Answered);
        Ip("neigh", "flush", "all");
        Ping("169.254.1.1");
        Assert.Equal(answered, proxy.Count(ArpVerdict.Answered));
        Assert.DoesNotContain("02:ac:c0:00:00:01", Ip("neigh", "show", "169.254.1.1"), StringComparison.Ordinal);

        RunIn(_acc, "ip", "link", "set", "other0", "down");
        RunIn(_acc, "ip", "link", "set", "other0", "name", "arp0");
        RunIn(_acc, "ip", "link", "set", "arp0", "up");
        await Eventually.TrueAsync(() => proxy.Problem.Length == 0, () => proxy.Problem);
        await ResolvesAsync("169.254.1.1");
    }

    [Fact]
    public async Task Other_links_are_not_used()
    {
        Needs.Root();
        var proxy = Start(connect: false);
        Attach(TestNode.Pod(1) with { Mac = MacAddress.Parse("02:00:00:00:00:11") });
        await Eventually.TrueAsync(() => proxy.Problem.Contains("arp0", StringComparison.Ordinal), () => proxy.Problem);
        // There is a link to the pod, but not the configured one.
        Connect("wrong0");
        Ping("169.254.1.1");
        Assert.Equal(0, Enum.GetValues<ArpVerdict>().Sum(proxy.Count));
        Assert.NotEqual("", proxy.Problem);
    }

    private ArpProxy Start(bool connect = true)
    {
        var acc = NetNamespace.CreateNamed(_acc);
        _owned.Add(acc);
        NetNamespace.CreateNamed(_pod).Dispose();
        if (connect)
        {
            Connect();
        }

        var proxy = new ArpProxy(
            "arp0", acc, TestNode.Settings.GatewayMac, new ArpSenders(() => TestNode.Settings, () => _endpoints), NullLogger.Instance);
        _owned.Add(proxy);
        return proxy;
    }

    /// <summary>Connects the pod with the ACC, as the pipeline does for ARP requests.</summary>
    private void Connect(string name = "arp0")
    {
        RunIn(_acc, "ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", _pod);
        // Only the responder may answer, not the IP stack of the ACC.
        RunIn(_acc, "ip", "link", "set", name, "address", "02:ac:c0:00:00:01", "arp", "off", "up");
        Ip("link", "set", "eth0", "address", "02:00:00:00:00:11", "up");
        Ip("addr", "add", "10.244.0.1/32", "dev", "eth0");
        Ip("route", "add", "169.254.1.1", "dev", "eth0", "scope", "link");
        Ip("route", "add", "10.244.0.0/16", "dev", "eth0", "scope", "link");
    }

    private void Attach(EndpointSpec spec) =>
        _endpoints = ImmutableDictionary<long, EndpointView>.Empty.Add(1, new EndpointView(new Endpoint(1, spec, true), 1, true));

    private Task ResolvesAsync(string address) => Eventually.TrueAsync(
        () =>
        {
            Ping(address);
            return Ip("neigh", "show", address).Contains("lladdr 02:ac:c0:00:00:01", StringComparison.Ordinal);
        },
        () => $"{address} is resolved: {Ip("neigh", "show")}");

    private void Ping(string address) => RunIn(_pod, "ping", "-c", "1", "-W", "1", address);

    private string Ip(params string[] arguments) => RunIn(_pod, ["ip", .. arguments]);

    private static string RunIn(string ns, params string[] command)
    {
        using var process = Process.Start(
            new ProcessStartInfo("ip", ["netns", "exec", ns, .. command]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0 || command[0] == "ping", $"{string.Join(' ', command)}: {error.Result}");
        return output;
    }
}

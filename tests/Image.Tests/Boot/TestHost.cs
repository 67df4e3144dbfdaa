using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using ACCOffload.TestKit.Configurations;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Image.Tests.Boot;

/// <summary>
/// The host of the machine: the network namespace in which QEMU and host-stub's agent run, the namespace of its ports, and TAP devices
/// that carry the ports' frames to the machine's network cards.
/// </summary>
internal sealed class TestHost : IAsyncDisposable
{
    private readonly string _id = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(3));
    private readonly Dictionary<string, JsonNode> _results = [];
    private readonly List<string> _namespaces = [];
    private BackgroundProcess? _agent;

    private TestHost(int cards)
    {
        Cards = [.. Enumerable.Range(0, cards).Select(i => $"tap{_id}{i}")];
    }

    public string Folder { get; } = Directory.CreateTempSubdirectory("accoffload-image-").FullName;

    public string Namespace => $"img{_id}";

    public string[] Cards { get; }

    public string AgentLog => _agent?.Log ?? "";

    private string Ports => $"img{_id}p";

    private string Plugin => Path.Combine(Folder, "bin", "accoffload");

    public static async Task<TestHost> CreateAsync(int cards)
    {
        var host = new TestHost(cards);
        foreach (var name in new[] { host.Namespace, host.Ports })
        {
            host._namespaces.Add(name);
            await IpAsync("netns", "add", name);
            await IpAsync("-n", name, "link", "set", "lo", "up");
        }
        // A bridge with two ports acts as a wire: the host must not have addresses on it.
        await Shell.RunAsync(host.Ports, "sysctl", ["-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1"])
            .Succeeded();
        foreach (var card in host.Cards)
        {
            await IpAsync("-n", host.Namespace, "tuntap", "add", "dev", card, "mode", "tap");
        }

        Directory.CreateDirectory(Path.Combine(host.Folder, "bin"));
        File.CreateSymbolicLink(host.Plugin, Published.HostStub);
        await Shell.RunAsync(null, $"{Repository.Root}/rootfs/pki/make-certs", ["--dir", host.At("pki")]).Succeeded();
        await File.WriteAllTextAsync(host.At("host-stub.json"), HostStubJson.Create("https://127.0.0.1:50002")
            .WithCertificates("Acc", host.At("pki/host-client"))
            .WithAgent(host.At("agent.sock"), host.At("agent.db"))
            .Set("Agent:AddTimeoutSeconds", 30)
            .WithPorts(host.Ports)
            .ToJsonString());
        return host;
    }

    public string At(string name) => Path.Combine(Folder, name);

    public void StartAgent() => _agent = new BackgroundProcess(Namespace, Published.HostStub, ["agent", "--config", At("host-stub.json")]);

    public async Task StopAgentAsync()
    {
        if (_agent is null)
        {
            return;
        }

        await _agent.KillAsync();
        await _agent.DisposeAsync();
        _agent = null;
    }

    /// <summary>The name of a pod's port, derived from the attachment.</summary>
    public static string PortOf(string pod) =>
        $"acc{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"podnet\0{pod}\0eth0")))[..11]}";

    public async Task<bool> IsReadyAsync() => (await CniAsync("STATUS", "none")).ExitCode == 0;

    /// <summary>Creates a pod's namespace.</summary>
    public async Task<string> CreatePodAsync(string name)
    {
        var pod = $"{Namespace}-{name}";
        _namespaces.Add(pod);
        await IpAsync("netns", "add", pod);
        return pod;
    }

    public async Task<string> AddAsync(string pod)
    {
        var run = await CniAsync("ADD", pod);
        Assert.True(run.ExitCode == 0, $"ADD {pod}: {run.Output}{run.Error}\n{AgentLog}");
        _results[pod] = JsonNode.Parse(run.Output)!;
        return AddressIn(run.Output);
    }

    /// <summary>The pod's address in the result of an ADD.</summary>
    public static string AddressIn(string result) => JsonNode.Parse(result)!["ips"]![0]!["address"]!.GetValue<string>().Split('/')[0];

    /// <summary>Runs a CNI command like a runtime.</summary>
    public async Task<ShellResult> CniAsync(string command, string pod)
    {
        var input = NetworkJson.Request(NetworkJson.Plugin(At("agent.sock"), At("ipam")), command == "STATUS" ? "1.1.0" : "1.0.0")
            .WithPrevious(command, _results.GetValueOrDefault(pod));
        var environment = PluginVariables.Of(command, $"{At("bin")}:{Needs.CniPluginFolder}", pod, $"/run/netns/{pod}", pod);
        return await Shell.RunAsync(Namespace, Plugin, [], input.ToJsonString(), environment, TimeSpan.FromMinutes(3));
    }

    /// <summary>Connects a pod's port to a network card of the machine.</summary>
    public async Task WireAsync(string pod, int card)
    {
        if ((await Shell.RunAsync(Namespace, "ip", ["link", "show", Cards[card]])).ExitCode == 0)
        {
            await IpAsync("-n", Namespace, "link", "set", Cards[card], "netns", Ports);
        }

        await IpAsync("-n", Ports, "link", "add", $"br{card}", "type", "bridge");
        foreach (var end in new[] { Cards[card], PortOf(pod) })
        {
            await IpAsync("-n", Ports, "link", "set", end, "master", $"br{card}");
            await IpAsync("-n", Ports, "link", "set", end, "up");
        }
        await IpAsync("-n", Ports, "link", "set", $"br{card}", "up");
    }

    /// <summary>Removes the wires, so that the machine can be restarted with the same cards.</summary>
    public async Task UnwireAsync()
    {
        for (var i = 0; i < Cards.Length; i++)
        {
            await Shell.RunAsync(Ports, "ip", ["link", "delete", $"br{i}"]);
        }
    }

    /// <summary>Sends echo requests with a long timeout, because the first ones wait for ARP under emulation.</summary>
    public static async Task<ShellResult> PingAsync(string pod, string address) =>
        await Shell.RunAsync(pod, "ping", ["-n", "-c", "5", "-i", "0.5", "-W", "10", address]);

    public async ValueTask DisposeAsync()
    {
        await StopAgentAsync();
        foreach (var name in _namespaces)
        {
            await Shell.RunAsync(null, "ip", ["netns", "delete", name]);
        }

        Directory.Delete(Folder, recursive: true);
    }

    private static Task<ShellResult> IpAsync(params string[] arguments) => Shell.RunAsync(null, "ip", arguments).Succeeded();
}

using System.Text.Json.Nodes;
using ACCOffload.TestKit.Cni;
using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Runtime.Tests.Cni;

/// <summary>Our plugin in a list with others, executed according to section 3 of the specification.</summary>
public sealed class ChainTests(SharedLab shared) : IClassFixture<SharedLab>
{
    private const string Earlier = """
        {
          "cniVersion": "@VERSION@",
          "interfaces": [ { "name": "bond7", "mac": "02:00:00:00:00:07" }, { "name": "vlan7", "mac": "02:00:00:00:00:08", "sandbox": "@SANDBOX@" } ],
          "ips": [ { "version": "4", "interface": 1, "address": "192.168.50.5/24", "gateway": "192.168.50.1" } ],
          "routes": [ { "dst": "172.20.0.0/16", "gw": "192.168.50.1" } ],
          "dns": { "nameservers": [ "192.168.50.53" ], "domain": "earlier.test", "search": [ "a.test" ], "options": [ "ndots:5" ] }
        }
        """;

    [Theory]
    [InlineData("0.3.0", false)]
    [InlineData("0.3.1", false)]
    [InlineData("0.4.0", false)]
    [InlineData("1.0.0", false)]
    [InlineData("1.1.0", false)]
    [InlineData("0.3.1", true)]
    [InlineData("1.1.0", true)]
    public async Task The_result_of_an_earlier_plugin_is_kept_and_extended(string version, bool samePod)
    {
        Needs.Lab();
        var runtime = await shared.RuntimeAsync();
        var before = await LabState.TakeAsync(runtime.Lab);
        var attachment = await runtime.NewAsync(runtime.Configuration(version));
        var earlier = WriteEarlier(runtime, version, sandbox: samePod ? attachment.NetNsPath : null);
        if (samePod)
        {
            await Shell.RunLineAsync(attachment.Namespace, "ip link add vlan7 address 02:00:00:00:00:08 type veth peer name other")
                .Succeeded();
        }

        var chain = new Chain(runtime, attachment, new JsonObject { ["type"] = "earlier" }, Ours);

        var result = await chain.AddAsync();

        var interfaces = result["interfaces"]!.AsArray();
        Assert.Equal(["bond7", "vlan7", "eth0"], interfaces.Select(i => (string?)i!["name"]));
        Assert.True(JsonNode.DeepEquals(earlier["interfaces"]![0], interfaces[0]), interfaces[0]!.ToJsonString());
        Assert.True(JsonNode.DeepEquals(earlier["interfaces"]![1], interfaces[1]), interfaces[1]!.ToJsonString());
        var addresses = result["ips"]!.AsArray();
        if (string.CompareOrdinal(version, "1.0.0") >= 0)
        {
            // These versions have no such key; it is accepted and not repeated.
            earlier["ips"]![0]!.AsObject().Remove("version");
        }

        Assert.True(JsonNode.DeepEquals(earlier["ips"]![0], addresses[0]), addresses[0]!.ToJsonString());
        Assert.Equal(2, (int?)addresses[1]!["interface"]);
        Assert.True(JsonNode.DeepEquals(earlier["routes"]![0], result["routes"]![0]), result["routes"]!.ToJsonString());
        Assert.Contains(result["routes"]!.AsArray(), route => (string?)route!["dst"] == "0.0.0.0/0");
        Assert.True(JsonNode.DeepEquals(earlier["dns"], result["dns"]), result["dns"]!.ToJsonString());
        var own = ((string)addresses[1]!["address"]!).Split('/')[0];
        Assert.True(await Lab.PingAsync(runtime.Lab.HostNamespace, own));

        // CHECK must fail only for "a resource [that] was created by the plugin": some resources of the other plugin do not exist.
        if (version is not ("0.3.0" or "0.3.1"))
        {
            await chain.CheckAsync();
        }

        await chain.DelAsync();
        Assert.Equal(before, await LabState.TakeAsync(runtime.Lab));
    }

    [Fact]
    public async Task ADD_fails_if_an_earlier_plugin_created_the_interface()
    {
        Needs.Lab();
        var runtime = await shared.RuntimeAsync();
        WriteEarlier(runtime, "1.0.0", lastName: "eth0");
        var attachment = await runtime.NewAsync(runtime.Configuration("1.0.0"));
        await Shell.RunLineAsync(attachment.Namespace, "ip link add eth0 type veth peer name other").Succeeded();
        var before = await LabState.TakeAsync(runtime.Lab);
        var chain = new Chain(runtime, attachment, new JsonObject { ["type"] = "earlier" }, Ours);
        await Assert.ThrowsAnyAsync<Xunit.Sdk.XunitException>(chain.AddAsync);
        Assert.Equal(before, await LabState.TakeAsync(runtime.Lab));
        Assert.Equal(["eth0", "lo", "other"], await LabState.LinksAsync(attachment.Namespace));
    }

    /// <summary>A later plugin gets our result unchanged; on DEL all plugins get the final result, in reverse order.</summary>
    [Fact]
    public async Task A_later_plugin_gets_our_result()
    {
        Needs.Lab();
        var runtime = await shared.RuntimeAsync();
        var log = runtime.Lab.At("later.log");
        runtime.WritePlugin("later", $$"""
            input=$(cat | tr -d '\n')
            echo "$CNI_COMMAND $CNI_CONTAINERID $CNI_NETNS $CNI_IFNAME $input" >> {{log}}
            [ $CNI_COMMAND != ADD ] || echo "$input" | jq '.prevResult | .routes += [{"dst":"172.30.0.0/16","gw":"169.254.1.1"}]'
            """ + "\n");
        var chain = new Chain(runtime, await runtime.NewAsync(runtime.Configuration("1.0.0")), Ours, new JsonObject { ["type"] = "later" });

        var result = await chain.AddAsync();

        var attachment = chain.Attachment;
        var line = Assert.Single(await File.ReadAllLinesAsync(log));
        var words = line.Split(' ', 5);
        Assert.Equal(["ADD", attachment.ContainerId, attachment.NetNsPath, "eth0"], words[..4]);
        var given = JsonNode.Parse(words[4])!["prevResult"]!;
        Assert.Equal("1.0.0", (string?)given["cniVersion"]);
        Assert.Equal(attachment.NetNsPath,
            (string?)Assert.Single(given["interfaces"]!.AsArray(), i => (string?)i!["name"] == "eth0")!["sandbox"]);
        Assert.Equal("172.30.0.0/16", (string?)result["routes"]!.AsArray()[^1]!["dst"]);

        // The plugin only reports this route, so add it here.
        await Shell.RunLineAsync(attachment.Namespace, "ip route add 172.30.0.0/16 via 169.254.1.1 dev eth0").Succeeded();
        await chain.CheckAsync();
        await chain.DelAsync();
        var lines = await File.ReadAllLinesAsync(log);
        Assert.Equal(["ADD", "CHECK", "DEL"], lines.Select(l => l.Split(' ')[0]));
        Assert.True(JsonNode.DeepEquals(result, JsonNode.Parse(lines[2].Split(' ', 5)[4])!["prevResult"]), lines[2]);
    }

    [Fact]
    public async Task Works_with_Debians_tuning_plugin()
    {
        Needs.Lab();
        Needs.CniPlugins("tuning");
        var runtime = await shared.RuntimeAsync();
        var before = await LabState.TakeAsync(runtime.Lab);
        var tuning = new JsonObject
        {
            ["type"] = "tuning",
            ["mtu"] = 1400,
            ["dataDir"] = runtime.Lab.At("tuning"),
            ["sysctl"] = new JsonObject { ["net.ipv4.conf.eth0.arp_notify"] = "1" },
        };
        var chain = new Chain(runtime, await runtime.NewAsync(runtime.Configuration("1.0.0")), Ours, tuning);

        var result = await chain.AddAsync();

        var link = await Shell.RunLineAsync(chain.Attachment.Namespace, "ip -o link show eth0").Succeeded();
        Assert.Contains("mtu 1400", link.Output, StringComparison.Ordinal);
        Assert.Equal("169.254.1.1", (string?)result["ips"]![0]!["gateway"]);
        Assert.True(await Lab.PingAsync(runtime.Lab.HostNamespace, ((string)result["ips"]![0]!["address"]!).Split('/')[0]));
        await chain.CheckAsync();
        await chain.DelAsync();
        Assert.Equal(before, await LabState.TakeAsync(runtime.Lab));
    }

    /// <summary>tuning changes the MAC; the ACC only learns it from CHECK, which CRI-O calls after each ADD.</summary>
    [Fact]
    public async Task A_pod_whose_MAC_is_changed_by_tuning_is_reached_after_CHECK()
    {
        Needs.Lab();
        Needs.CniPlugins("tuning");
        var runtime = await shared.RuntimeAsync();
        var before = await LabState.TakeAsync(runtime.Lab);
        var tuning = new JsonObject { ["type"] = "tuning", ["mac"] = "02:00:00:00:77:01", ["dataDir"] = runtime.Lab.At("tuning") };
        var chain = new Chain(runtime, await runtime.NewAsync(runtime.Configuration("1.0.0")), Ours, tuning);

        var result = await chain.AddAsync();
        Assert.Equal("02:00:00:00:77:01", (string?)result["interfaces"]![0]!["mac"]);
        await chain.CheckAsync();

        var address = ((string)result["ips"]![0]!["address"]!).Split('/')[0];
        Assert.Contains("02:00:00:00:77:01",
            (await LabState.EndpointsAsync(runtime.Lab)).Select(e => e.ToJsonString())
                .Single(e => e.Contains($"\"{address}\"", StringComparison.Ordinal)), StringComparison.Ordinal);
        Assert.True(await Lab.PingAsync(runtime.Lab.HostNamespace, address), "the pod does not answer with its new MAC");
        await chain.DelAsync();
        Assert.Equal(before, await LabState.TakeAsync(runtime.Lab));
    }

    [Fact]
    public async Task A_pod_with_a_MAC_from_the_runtime_is_reached_immediately()
    {
        Needs.Lab();
        var runtime = await shared.RuntimeAsync();
        const string Mac = "02:00:00:00:77:02";
        var empty = await LabState.TakeAsync(runtime.Lab);
        var configuration = runtime.Configuration("1.0.0");
        configuration["runtimeConfig"] = new JsonObject { ["mac"] = Mac };
        var attachment = await runtime.AddAsync(configuration);

        Assert.Equal(Mac, (string?)attachment.Result!["interfaces"]![0]!["mac"]);
        Assert.Contains(Mac, (await Shell.RunLineAsync(attachment.Namespace, "ip -o link show eth0").Succeeded()).Output,
            StringComparison.Ordinal);
        var endpoint = Assert.Single(await LabState.EndpointsAsync(runtime.Lab), e => (string?)e["containerId"] == attachment.ContainerId);
        Assert.Contains(Mac, endpoint.ToJsonString(), StringComparison.Ordinal);
        Assert.True(await Lab.PingAsync(runtime.Lab.HostNamespace, attachment.Address), "the pod does not answer");
        (await runtime.RunAsync("CHECK", attachment)).IsSilent();

        // The same MAC and the gateway's MAC are rejected for another pod.
        var gateway = await runtime.GatewayMacAsync(attachment);
        foreach (var (mac, reason) in new[] { (Mac, "belongs to another endpoint"), (gateway, "is the gateway's") })
        {
            var other = await runtime.NewAsync(configuration.DeepClone().AsObject());
            other.Configuration["runtimeConfig"]!["mac"] = mac;
            var before = await LabState.TakeAsync(runtime.Lab);
            var error = (await runtime.RunAsync("ADD", other)).Failed(7, "1.0.0");
            Assert.Contains($"runtimeConfig.mac {mac} is refused", error.Text, StringComparison.Ordinal);
            Assert.Contains(reason, error.Text, StringComparison.Ordinal);
            Assert.Equal(before, await LabState.TakeAsync(runtime.Lab));
        }

        // The runtime might not pass these values again.
        (await runtime.RunAsync("DEL", attachment, c => c.Remove("runtimeConfig"))).IsSilent();
        Assert.Equal(empty, await LabState.TakeAsync(runtime.Lab));
    }

    [Fact]
    public async Task Works_with_Debians_portmap_plugin()
    {
        Needs.Lab();
        Needs.CniPlugins("portmap");
        var runtime = await shared.RuntimeAsync();
        var before = await LabState.TakeAsync(runtime.Lab);
        var portmap = new JsonObject
        {
            ["type"] = "portmap",
            ["snat"] = true,
            ["runtimeConfig"] = new JsonObject
            {
                ["portMappings"] = new JsonArray(new JsonObject
                {
                    ["hostPort"] = 18080,
                    ["containerPort"] = 8080,
                    ["protocol"] = "tcp"
                })
            },
        };
        var chain = new Chain(runtime, await runtime.NewAsync(runtime.Configuration("1.0.0")), Ours, portmap);

        var result = await chain.AddAsync();

        // portmap 1.1.1 checks its ip6tables chains even if the pod has no IPv6 address, so its own CHECK fails.
        await chain.CheckOursAsync();
        await TcpTransfer.SendAsync(chain.Attachment.Namespace, ((string)result["ips"]![0]!["address"]!).Split('/')[0],
            runtime.Lab.HostNamespace, 10_000, 8080, "200.1.1.2:18080");
        await chain.DelAsync();
        Assert.Equal(before, await LabState.TakeAsync(runtime.Lab));
    }

    [Fact]
    public async Task Works_with_Debians_firewall_and_sbr_plugins()
    {
        Needs.Lab();
        Needs.CniPlugins("firewall", "sbr");
        var runtime = await shared.RuntimeAsync();
        var before = await LabState.TakeAsync(runtime.Lab);
        var chain = new Chain(
            runtime,
            await runtime.NewAsync(runtime.Configuration("1.0.0")),
            Ours,
            new JsonObject { ["type"] = "firewall", ["backend"] = "iptables" },
            new JsonObject { ["type"] = "sbr" });

        var result = await chain.AddAsync();

        await chain.CheckAsync();
        Assert.True(await Lab.PingAsync(runtime.Lab.HostNamespace, ((string)result["ips"]![0]!["address"]!).Split('/')[0]));
        await chain.DelAsync();
        Assert.Equal(before, await LabState.TakeAsync(runtime.Lab));
    }

    /// <summary>Two networks in one namespace: each address is reachable and answers through its own interface.</summary>
    [Fact]
    public Task A_second_interface_is_reached_at_its_own_address()
    {
        Needs.Lab();
        return ReachSecondAsync(Ours);
    }

    [Fact]
    public Task A_second_interface_is_reached_with_sbr()
    {
        Needs.Lab();
        Needs.CniPlugins("sbr");
        return ReachSecondAsync(Ours, new JsonObject { ["type"] = "sbr" });
    }

    private async Task ReachSecondAsync(params JsonObject[] plugins)
    {
        var runtime = await shared.RuntimeAsync();
        var before = await LabState.TakeAsync(runtime.Lab);
        var client = await runtime.AddAsync();
        var first = await runtime.AddAsync();
        var second = new Attachment(first.ContainerId, first.Namespace, "net1", runtime.Configuration("1.0.0", "second", 120, 150));
        var rules = await RulesAsync();
        var chain = new Chain(runtime, second, plugins);

        var result = await chain.AddAsync();

        // Each plugin has its own table.
        Assert.Equal(plugins.Length, (await RulesAsync()).Except(rules).Select(rule => rule.Split(' ')[^1]).Distinct().Count());
        await chain.CheckAsync();
        (await runtime.RunAsync("CHECK", first)).IsSilent();
        var address = ((string)result["ips"]![0]!["address"]!).Split('/')[0];
        foreach (var to in new[] { first.Address, address })
        {
            Assert.True(await Lab.PingAsync(client.Namespace, to), $"{to} does not answer another pod");
            Assert.True(await Lab.PingAsync(runtime.Lab.HostNamespace, to), $"{to} does not answer the host");
            await TcpTransfer.SendAsync(first.Namespace, to, client.Namespace, 100_000);
        }

        await chain.DelAsync();
        Assert.Equal(rules, await RulesAsync());
        Assert.True(await Lab.PingAsync(client.Namespace, first.Address), "the first interface does not answer any more");
        await runtime.RemoveAsync(first);
        await runtime.RemoveAsync(client);
        Assert.Equal(before, await LabState.TakeAsync(runtime.Lab));

        async Task<string[]> RulesAsync() => (await Shell.RunLineAsync(first.Namespace, "ip rule show").Succeeded()).Output
            .Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
    }

    /// <summary>Debian's bandwidth plugin expects the other end of the veth in the host's namespace, but ours is in the port namespace. The
    /// bandwidth capability replaces the plugin.</summary>
    [Fact]
    public async Task The_bandwidth_capability_works_and_the_bandwidth_plugin_fails()
    {
        Needs.Lab();
        Needs.CniPlugins("bandwidth");
        var runtime = await shared.RuntimeAsync();
        var limits = new JsonObject
        {
            ["ingressRate"] = 80_000_000,
            ["ingressBurst"] = 800_000,
            ["egressRate"] = 80_000_000,
            ["egressBurst"] = 800_000
        };
        var configuration = runtime.Configuration("1.0.0");
        configuration["runtimeConfig"] = new JsonObject { ["bandwidth"] = limits.DeepClone() };
        var client = await runtime.AddAsync();
        var pod = await runtime.AddAsync(configuration);

        (await runtime.RunAsync("CHECK", pod)).IsSilent();
        await TcpTransfer.SendAsync(pod.Namespace, pod.Address, client.Namespace, 1_000_000);
        Assert.Contains("tbf", (await Shell.RunLineAsync(pod.Namespace, "tc qdisc show dev eth0").Succeeded()).Output,
            StringComparison.Ordinal);
        await runtime.RemoveAsync(pod);

        var bandwidth = new JsonObject { ["type"] = "bandwidth", ["runtimeConfig"] = new JsonObject { ["bandwidth"] = limits } };
        var chained = new Chain(runtime, await runtime.NewAsync(runtime.Configuration("1.0.0")), Ours, bandwidth);
        await Assert.ThrowsAnyAsync<Xunit.Sdk.XunitException>(chained.AddAsync);
        (await runtime.RunAsync("DEL", chained.Attachment)).IsSilent();

        await runtime.RemoveAsync(client);
    }

    private static JsonObject Ours => new() { ["type"] = "accoffload" };

    private static JsonObject WriteEarlier(CniRuntime runtime, string version, string? lastName = null, string? sandbox = null)
    {
        var text = Earlier
            .Replace("@VERSION@", version, StringComparison.Ordinal)
            .Replace("@SANDBOX@", sandbox ?? "/run/netns/elsewhere", StringComparison.Ordinal)
            .Replace("vlan7", lastName ?? "vlan7", StringComparison.Ordinal);
        runtime.WritePlugin("earlier", $"""
            cat > /dev/null
            [ $CNI_COMMAND != ADD ] || cat <<'RESULT'
            {JsonNode.Parse(text)!.ToJsonString()}
            RESULT
            """ + "\n");
        return JsonNode.Parse(text)!.AsObject();
    }

    /// <summary>
    /// A network configuration list: ADD runs in order, each with the previous result; CHECK in order and DEL in reverse, with the final
    /// result.
    /// </summary>
    private sealed class Chain(CniRuntime runtime, Attachment attachment, params JsonObject[] plugins)
    {
        private JsonNode? _final;

        public Attachment Attachment => attachment;

        public async Task<JsonObject> AddAsync()
        {
            JsonObject? previous = null;
            foreach (var plugin in plugins)
            {
                var outcome = await runtime.RunAsync("ADD", attachment, request => Derive(request, plugin, previous));
                previous = outcome.Result();
            }

            _final = previous;
            return previous!;
        }

        public Task CheckAsync() => EachAsync("CHECK", plugins);

        public Task CheckOursAsync() => EachAsync("CHECK", [.. plugins.Where(p => (string)p["type"]! == "accoffload")]);

        public Task DelAsync() => EachAsync("DEL", [.. plugins.Reverse()]);

        private async Task EachAsync(string command, JsonObject[] order)
        {
            foreach (var plugin in order)
            {
                (await runtime.RunAsync(command, attachment, request => Derive(request, plugin, _final))).Succeeded();
            }
        }

        private static void Derive(JsonObject request, JsonObject plugin, JsonNode? previous)
        {
            if ((string)plugin["type"]! != "accoffload")
            {
                foreach (var key in request.Select(pair => pair.Key).Except(["cniVersion", "name"]).ToArray())
                {
                    request.Remove(key);
                }
            }

            foreach (var (key, value) in plugin)
            {
                request[key] = value?.DeepClone();
            }

            if (previous is not null)
            {
                request["prevResult"] = previous.DeepClone();
            }
        }
    }
}

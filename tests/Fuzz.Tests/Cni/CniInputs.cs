using System.Text;
using System.Text.Json.Nodes;
using ACCOffload.Fuzz.Tests.Engine;

namespace ACCOffload.Fuzz.Tests.Cni;

/// <summary>Generates environments and network configurations: valid, with unusual values, and as corrupted text.</summary>
internal static class CniInputs
{
    public static Dictionary<string, string> Environment(Dice dice)
    {
        var environment = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["CNI_COMMAND"] = dice.Pick("ADD", "ADD", "ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION"),
            ["CNI_CONTAINERID"] = "c0ffee",
            ["CNI_NETNS"] = "/var/run/netns/cni-1",
            ["CNI_IFNAME"] = "eth0",
            ["CNI_PATH"] = "/opt/cni/bin:/usr/lib/cni",
            ["CNI_ARGS"] = "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0;K8S_POD_INFRA_CONTAINER_ID=c0ffee",
            ["PATH"] = "/usr/bin",
        };
        if (!dice.OneIn(4))
        {
            return environment;
        }

        var name = dice.Pick("CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH", "CNI_ARGS");
        if (dice.OneIn(3))
        {
            environment.Remove(name);
        }
        else
        {
            environment[name] = (dice.OneIn(3)
                ? dice.Pick("add", "eth0:1", "a/b", "0123456789abcdef", "abc_-.", "K8S_POD_NAME=;;=x", "K8S_POD_NAME", "a=b=c",
                    "relative/path", "_x", "é")
                : dice.OddText()).Replace("\0", "", StringComparison.Ordinal);
        }

        return environment;
    }

    public static byte[] Config(Dice dice, string command)
    {
        var config = Valid(dice, command);
        for (var changes = dice.Pick(0, 0, 1, 1, 2); changes > 0; changes--)
        {
            MutateTree(dice, config, 0);
        }

        var text = config.ToJsonString();
        if (dice.OneIn(12))
        {
            text = text.Replace(',', ' ').Replace(" ", ",\n\t ", StringComparison.Ordinal);
        }

        var bytes = Encoding.UTF8.GetBytes(text);
        return dice.Below(10) switch
        {
            0 => ByteMutator.Mutate(dice, bytes),
            1 when dice.OneIn(3) => ByteMutator.Splice(dice, bytes, Encoding.UTF8.GetBytes(Valid(dice, command).ToJsonString())),
            1 when dice.OneIn(10) => Encoding.UTF8.GetBytes(DeepJson(dice)),
            1 when dice.OneIn(4) =>
                [.. bytes, .. dice.Pick<byte[]>([0], " \n"u8.ToArray(), "{}"u8.ToArray(), "//"u8.ToArray(), [0xEF, 0xBB, 0xBF], [0xFF])],
            _ => bytes,
        };
    }

    private static JsonObject Valid(Dice dice, string command)
    {
        var config = new JsonObject
        {
            ["cniVersion"] = command is "GC" or "STATUS"
                ? "1.1.0"
                : dice.Pick("0.4.0", "1.0.0", "1.1.0", "1.1.0", command == "CHECK" ? "1.0.0" : "0.3.1",
                    command == "CHECK" ? "1.1.0" : "0.3.0"),
            ["name"] = dice.Pick("podnet", "a", "net_1.x-2"),
            ["type"] = "accoffload",
            ["ipam"] = new JsonObject
            {
                ["type"] = "host-local",
                ["ranges"] = new JsonArray(new JsonArray(new JsonObject { ["subnet"] = "10.244.1.0/24" })),
            },
        };
        if (dice.OneIn(2))
        {
            config["mtu"] = dice.Pick(0, 576, 1400, 1500, 9216);
        }

        if (dice.OneIn(4))
        {
            config["dns"] = new JsonObject
            {
                ["nameservers"] = new JsonArray("10.96.0.10"),
                ["search"] = new JsonArray("svc"),
                ["domain"] = "cluster.local"
            };
        }

        if (dice.OneIn(6))
        {
            config["socket"] = "/run/host-stub/agent.sock";
        }

        if (dice.OneIn(6))
        {
            config["runtimeConfig"] = new JsonObject { ["ips"] = new JsonArray() };
        }

        if (dice.OneIn(6))
        {
            config["runtimeConfig"] = new JsonObject
            {
                ["mac"] = "02:00:5e:00:00:07",
                ["bandwidth"] = new JsonObject
                {
                    ["ingressRate"] = 1_000_000,
                    ["ingressBurst"] = 80_000,
                    ["egressRate"] = 0,
                    ["egressBurst"] = 0
                },
            };
        }
        if (dice.OneIn(6))
        {
            config["runtimeConfig"] = new JsonObject
            {
                ["portMappings"] = new JsonArray(
                    [.. Enumerable.Range(0, dice.Pick(0, 1, 2, 64, 65)).Select(i => (JsonNode)PortMapping(dice, i))]),
            };
        }

        if (dice.OneIn(8))
        {
            config["ipMasq"] = false;
        }

        if (command is "CHECK" or "DEL" || dice.OneIn(6))
        {
            config["prevResult"] = Result(dice);
        }

        if (command == "GC" || dice.OneIn(20))
        {
            config["cni.dev/valid-attachments"] = new JsonArray(new JsonObject { ["containerID"] = "c0ffee", ["ifname"] = "eth0" });
        }

        return config;
    }

    private static JsonObject PortMapping(Dice dice, int number) => new()
    {
        ["hostPort"] = dice.OneIn(12) ? dice.Pick(0, -1, 65535, 65536) : 8000 + number,
        ["containerPort"] = dice.OneIn(12) ? dice.Pick(0, -1, 65535, 65536) : 80,
        ["protocol"] = dice.OneIn(12) ? dice.Pick("", "icmp", "Sctp", "udplite") : dice.Pick("tcp", "udp", "TCP", "sctp"),
        ["hostIP"] = dice.Pick("", "", "0.0.0.0", "::", "127.0.0.1", dice.OneIn(4) ? "10.1" : "192.0.2.1"),
    };

    private static JsonObject Result(Dice dice) => new()
    {
        ["cniVersion"] = "1.0.0",
        ["interfaces"] = new JsonArray(
            new JsonObject { ["name"] = "eth0", ["mac"] = "02:00:00:00:00:01", ["sandbox"] = "/var/run/netns/cni-1", ["mtu"] = 1500 }),
        ["ips"] = new JsonArray(new JsonObject
        {
            ["address"] = dice.Pick("10.244.1.2/32", "fd00::2/128"),
            ["gateway"] = "169.254.1.1",
            ["interface"] = 0
        }),
        ["routes"] = new JsonArray(new JsonObject { ["dst"] = "0.0.0.0/0", ["gw"] = "169.254.1.1" },
            new JsonObject { ["dst"] = "10.0.0.0/8", ["mtu"] = 1400, ["priority"] = 5 }),
        ["dns"] = new JsonObject(),
    };

    /// <summary>Makes one change in the tree: adds, replaces or removes a value, or changes the spelling of a key.</summary>
    internal static void MutateTree(Dice dice, JsonObject node, int depth)
    {
        var names = node.Select(p => p.Key).ToArray();
        if (names.Length == 0 || dice.OneIn(12))
        {
            node[dice.Pick("mtu", "name", "ipMasq", "socket", "dns", "ipam", "prevResult", "extra", "runtimeConfig",
                "cni.dev/valid-attachments", "mac", "type", "interface")] = OddValue(dice);
            return;
        }

        var name = dice.Pick<string>(names);
        if (dice.OneIn(8) && node[name]?.DeepClone() is { } same)
        {
            // Another spelling of the key, in addition to it or instead of it.
            if (dice.OneIn(2))
            {
                node.Remove(name);
            }

            node[dice.OneIn(2) ? name.ToUpperInvariant() : name.Replace('s', '\u017f').Replace('k', '\u212a')] = dice.OneIn(3)
                ? OddValue(dice)
                : same;
            return;
        }

        switch (node[name])
        {
            case JsonObject inner when depth < 5 && !dice.OneIn(4):
                MutateTree(dice, inner, depth + 1);
                break;
            case JsonArray { Count: > 0 } array when array[0] is JsonObject first && depth < 5 && !dice.OneIn(4):
                if (dice.OneIn(8))
                {
                    array.Add(OddValue(dice));
                }

                MutateTree(dice, first, depth + 1);
                break;
            default:
                if (dice.OneIn(5))
                {
                    node.Remove(name);
                }
                else
                {
                    node[name] = OddValue(dice);
                }

                break;
        }
    }

    private static JsonNode? OddValue(Dice dice) => dice.Below(14) switch
    {
        0 => null,
        1 => true,
        2 => false,
        3 => JsonValue.Create((long)dice.OddNumber()),
        4 => JsonValue.Create(-(long)(dice.OddNumber() >> 1)),
        5 => JsonValue.Create(dice.Pick(575, 576, 9216, 9217, 1500, 65536)),
        6 => JsonValue.Create(1e300),
        7 => new JsonObject(),
        8 => new JsonArray(),
        9 => new JsonArray(dice.OddText(), 1, null),
        10 => JsonValue.Create(dice.Pick("0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0", "1.2.0", "2", "1.0", "")),
        11 => JsonValue.Create(dice.Pick("10.0.0.1/24", "10.0.0.01/24", "0x0a.0.0.1/24", "10.1/24", "::ffff:10.0.0.1/128",
            "::ffff:10.0.0.01/128", "[fe80::1]/64", "10.0.0.1", "fe80::1/129", "::/0", "10.0.0.1/33", "fe80::1%3/64", "1.2.3.4/ 8",
            "host-local", "../x", "/run/x.sock", "/run/\0x", "/" + new string('é', 60), "/" + new string('x', 106),
            "/" + new string('x', 107))),
        12 => new JsonArray(
            [.. Enumerable.Range(0, dice.Pick(1, 50))
                .Select(_ => (JsonNode)new JsonObject { ["containerID"] = "x", ["ifname"] = "eth1", ["address"] = "10.1.1.1/32",
                    ["dst"] = "10.0.0.0/8", ["interface"] = dice.Below(4) })]),
        _ => JsonValue.Create(dice.OddText()),
    };

    private static string DeepJson(Dice dice)
    {
        var levels = dice.Pick(10, 60, 64, 65, 1000);
        return "{\"cniVersion\":\"1.0.0\",\"name\":\"podnet\",\"ipam\":{\"type\":\"host-local\"},\"deep\":"
            + string.Concat(Enumerable.Repeat("[", levels))
            + string.Concat(Enumerable.Repeat("]", dice.OneIn(5) ? levels - 1 : levels)) + "}";
    }
}

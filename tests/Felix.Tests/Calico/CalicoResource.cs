using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace ACCOffload.Felix.Tests.Calico;

/// <summary>A resource of the API projectcalico.org/v3, with its key in etcd.</summary>
internal sealed record CalicoResource(string Key, string Value)
{
    private const string Api = "projectcalico.org/v3";

    public static CalicoResource Of(CalicoEndpoint endpoint) => Make(
        "WorkloadEndpoint", "workloadendpoints", endpoint.Namespace,
        // The names of node and pod, with each dash doubled.
        $"{endpoint.Node.Replace("-", "--", StringComparison.Ordinal)}-k8s-{endpoint.Name}-eth0",
        new JsonObject
        {
            ["orchestrator"] = "k8s",
            ["node"] = endpoint.Node,
            ["containerID"] = endpoint.Name,
            ["pod"] = endpoint.Name,
            ["endpoint"] = "eth0",
            ["ipNetworks"] = new JsonArray($"{endpoint.Address}/32"),
            ["profiles"] = new JsonArray($"kns.{endpoint.Namespace}"),
            ["interfaceName"] = $"cali{endpoint.Name}",
        },
        ("app", endpoint.App), ("projectcalico.org/namespace", endpoint.Namespace), ("projectcalico.org/orchestrator", "k8s"));

    public static CalicoResource Of(CalicoPolicy policy)
    {
        var isGlobal = policy.Namespace.Length == 0;
        var kind = $"{(policy.IsStaged ? "Staged" : "")}{(isGlobal ? "Global" : "")}NetworkPolicy";
        var spec = new JsonObject
        {
            ["tier"] = policy.Tier,
            ["order"] = policy.Order,
            ["selector"] = Selector(policy.App),
            ["types"] = new JsonArray([.. Directions().Select(d => JsonValue.Create(d))]),
        };
        if (policy.IsStaged)
        {
            spec["stagedAction"] = "Set";
        }

        if (policy.Ingress is not null)
        {
            spec["ingress"] = Rules(policy.Ingress, "source");
        }

        if (policy.Egress is not null)
        {
            spec["egress"] = Rules(policy.Egress, "destination");
        }

        return Make(
            kind, $"{kind[..^1].ToLowerInvariant()}ies", policy.Namespace, policy.FullName, spec, ("projectcalico.org/tier", policy.Tier));

        IEnumerable<string> Directions()
        {
            if (policy.Ingress is not null)
            {
                yield return "Ingress";
            }

            if (policy.Egress is not null)
            {
                yield return "Egress";
            }
        }
    }

    public static CalicoResource OfSet(string app, IEnumerable<string> addresses) => Make(
        "GlobalNetworkSet", "globalnetworksets", "", app,
        new JsonObject { ["nets"] = new JsonArray([.. addresses.Select(a => JsonValue.Create($"{a}/32"))]) }, ("app", app));

    /// <summary>What Felix needs before it starts: the datastore is ready, the node, the tiers, a profile of each namespace.</summary>
    public static IEnumerable<CalicoResource> Basics(string node, string nodeAddress, IEnumerable<string> namespaces)
    {
        yield return Make("Node", "nodes", "", node, new JsonObject { ["bgp"] = new JsonObject { ["ipv4Address"] = $"{nodeAddress}/24" } });
        for (var i = 0; i < CalicoCluster.Tiers.Count; i++)
        {
            var tier = CalicoCluster.Tiers[i];
            yield return Make(
                "Tier", "tiers", "", tier,
                new JsonObject { ["order"] = tier == "default" ? 1_000_000 : i, ["defaultAction"] = "Deny" });
        }

        foreach (var name in namespaces)
        {
            yield return Make(
                "Profile", "profiles", "", $"kns.{name}",
                new JsonObject { ["ingress"] = Rules([new CalicoRule("Allow")], ""), ["egress"] = Rules([new CalicoRule("Allow")], "") });
        }

        // Last: Felix waits for it.
        yield return Make("ClusterInformation", "clusterinformations", "", "default", new JsonObject { ["datastoreReady"] = true });
    }

    private static CalicoResource Make(
        string kind, string plural, string ownNamespace, string name, JsonObject spec, params (string Key, string Value)[] labels)
    {
        var metadata = new JsonObject
        {
            ["name"] = name,
            ["uid"] = $"{Uid($"{kind} {ownNamespace}/{name}")}",
            ["creationTimestamp"] = "2026-01-01T00:00:00Z",
            ["labels"] = new JsonObject([.. labels.Select(l => KeyValuePair.Create<string, JsonNode?>(l.Key, l.Value))]),
        };
        if (ownNamespace.Length > 0)
        {
            metadata["namespace"] = ownNamespace;
        }

        var folder = ownNamespace.Length > 0 ? $"{plural}/{ownNamespace}" : plural;
        return new CalicoResource(
            $"/calico/resources/v3/projectcalico.org/{folder}/{name}",
            new JsonObject { ["kind"] = kind, ["apiVersion"] = Api, ["metadata"] = metadata, ["spec"] = spec }.ToJsonString());
    }

    // The same for each version of a resource.
    private static Guid Uid(string name) => new(SHA256.HashData(Encoding.UTF8.GetBytes(name)).AsSpan(0, 16));

    private static JsonArray Rules(IEnumerable<CalicoRule> rules, string peer) => new([.. rules.Select(r => Rule(r, peer))]);

    private static JsonObject Rule(CalicoRule rule, string peer)
    {
        var json = new JsonObject { ["action"] = rule.Action };
        if (rule.Protocol.Length > 0)
        {
            json["protocol"] = rule.Protocol;
        }

        if (rule.App.Length > 0)
        {
            json[peer] = new JsonObject { ["selector"] = Selector(rule.App) };
        }

        if (rule.Net.Length > 0)
        {
            json[peer] ??= new JsonObject();
            json[peer]!["nets"] = new JsonArray(rule.Net);
        }

        if (rule.Port > 0)
        {
            json["destination"] ??= new JsonObject();
            json["destination"]!["ports"] = new JsonArray(rule.Port);
        }

        return json;
    }

    private static string Selector(string app) => $"app == '{app}'";
}

using System.Text.Json.Nodes;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.TestKit.Cluster;

namespace ACCOffload.InfraManager.Tests.Policy;

/// <summary>A case of a data file: which pods reach which under some policies, step by step.</summary>
internal sealed class TruthTable
{
    private readonly JsonNode _case;
    private readonly JsonArray _ports;

    private TruthTable(JsonNode test, JsonArray ports)
    {
        (_case, _ports) = (test, ports);
        Pods = [.. test["pods"]!.AsArray().Select(p => (string)p!)];
        Hosts = (from n in test["nodes"]?.AsObject() ?? [] from p in n.Value!["pods"]!.AsArray() select (Pod: (string)p!, n.Key))
            .ToDictionary(p => p.Pod, p => p.Key);
        Addresses = Pods.Select((p, i) => (p, i)).ToDictionary(
            p => p.p, p => Hosts.TryGetValue(p.p, out var node) ? (string)test["nodes"]![node]!["address"]! : $"10.244.1.{p.i + 1}");
    }

    public string Name => (string)_case["name"]!;

    /// <summary>Namespace, slash, name.</summary>
    public IReadOnlyList<string> Pods { get; }

    public IReadOnlyDictionary<string, string> Addresses { get; }

    /// <summary>The pods on the host network, with their nodes.</summary>
    public IReadOnlyDictionary<string, string> Hosts { get; }

    /// <summary>The API's objects of each step, and what passes then.</summary>
    public IEnumerable<(IReadOnlyList<JsonObject> Objects, IReadOnlyList<Probe> Probes)> Steps =>
        _case["steps"]!.AsArray().Select(s =>
            ((IReadOnlyList<JsonObject>)[.. Objects(s!)], (IReadOnlyList<Probe>)[.. s!["probes"]!.AsArray().SelectMany(p => Probes(p!))]));

    /// <summary>The cases of a file of the folder <c>Data</c>, by name.</summary>
    public static IReadOnlyDictionary<string, TruthTable> Load(string file)
    {
        var root = JsonNode.Parse(File.ReadAllText(Repository.At($"tests/InfraManager.Tests/Policy/Data/{file}")))!;
        return root["cases"]!.AsArray().Select(c => new TruthTable(c!, root["ports"]!.AsArray())).ToDictionary(c => c.Name);
    }

    private IEnumerable<JsonObject> Objects(JsonNode step)
    {
        foreach (var space in Pods.Select(p => p.Split('/')[0]).Distinct())
        {
            var labels = (step["namespaceLabels"] ?? _case["namespaceLabels"])?[space];
            yield return Kube.Namespace(space, Labels(("kubernetes.io/metadata.name", space), labels));
        }

        foreach (var pod in Pods)
        {
            var (space, name) = (pod.Split('/')[0], pod.Split('/')[1]);
            var labels = (step["podLabels"] ?? _case["podLabels"])?[pod];
            var item = Kube.Pod(space, name, Addresses[pod], Labels(("pod", name), labels))
                .With("spec.containers", new JsonArray(new JsonObject { ["name"] = "main", ["ports"] = _ports.DeepClone() }));
            yield return Hosts.TryGetValue(pod, out var node)
                ? item.With("spec.hostNetwork", true).With("spec.nodeName", node).With("status.hostIP", Addresses[pod])
                : item;
        }

        foreach (var (name, node) in _case["nodes"]?.AsObject() ?? [])
        {
            yield return Kube.Node(name, "a").WithAddresses([(string)node!["address"]!]).With("metadata.labels", node["labels"]!.DeepClone());
        }

        foreach (var policy in step["policies"]!.AsArray())
        {
            // Blocks name a pod's address: {x/b}.
            var text = Addresses.Aggregate(
                policy!.ToJsonString(), (t, a) => t.Replace($"{{{a.Key}}}", a.Value, StringComparison.Ordinal));
            var item = JsonNode.Parse(text)!.AsObject();
            item["kind"] = item["spec"]!["tier"] is null ? "NetworkPolicy" : "ClusterNetworkPolicy";
            yield return item;
        }
    }

    private IEnumerable<Probe> Probes(JsonNode probe)
    {
        var port = (ushort)(int)probe["port"]!;
        var protocol = (string)probe["protocol"]! switch
        {
            "TCP" => IpProtocol.Tcp,
            "UDP" => IpProtocol.Udp,
            "SCTP" => IpProtocol.Sctp,
            var name => throw new FormatException(name),
        };
        if (probe["pairs"] is JsonArray pairs)
        {
            return pairs.Select(p => new Probe((string)p![0]!, (string)p[1]!, protocol, port, (bool)p[2]!));
        }

        // The last that matches decides; what none names passes.
        var expected = probe["expect"]!.AsArray();
        return Pods.SelectMany(from => Pods.Where(to => to != from).Select(to => new Probe(
            from, to, protocol, port,
            expected.Where(e => IsLike(from, (string)e![0]!) && IsLike(to, (string)e[1]!)).Select(e => (bool)e![2]!).LastOrDefault(true))));
    }

    private static bool IsLike(string pod, string pattern) =>
        pattern == "*" || pattern == pod
        || (pattern.EndsWith("/*", StringComparison.Ordinal) && pod.StartsWith(pattern[..^1], StringComparison.Ordinal));

    private static (string Key, string Value)[] Labels((string Key, string Value) own, JsonNode? more) =>
        [own, .. (more?.AsObject() ?? []).Select(l => (l.Key, (string)l.Value!))];
}

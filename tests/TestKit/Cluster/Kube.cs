using System.Text.Json.Nodes;

namespace ACCOffload.TestKit.Cluster;

/// <summary>Builds objects of the Kubernetes API in the form the API server writes.</summary>
public static class Kube
{
    public const string Services = "/api/v1/services";
    public const string Slices = "/apis/discovery.k8s.io/v1/endpointslices";
    public const string Nodes = "/api/v1/nodes";
    public const string Namespaces = "/api/v1/namespaces";
    public const string Pods = "/api/v1/pods";
    public const string NetworkPolicies = "/apis/networking.k8s.io/v1/networkpolicies";
    public const string ClusterPolicies = "/apis/policy.networking.k8s.io/v1alpha2/clusternetworkpolicies";
    public const string ServiceRanges = "/apis/networking.k8s.io/v1/servicecidrs";

    public static JsonObject Service(string name, string? clusterIp, params (string Name, string Protocol, int Port, int NodePort)[] ports)
    {
        var spec = new JsonObject
        {
            ["type"] = "ClusterIP",
            ["ports"] = new JsonArray([.. ports.Select(p => new JsonObject
            {
                ["name"] = p.Name,
                ["protocol"] = p.Protocol,
                ["port"] = p.Port,
                ["targetPort"] = "named",
                ["nodePort"] = p.NodePort == 0 ? null : p.NodePort,
            })]),
            ["sessionAffinity"] = "None",
            ["internalTrafficPolicy"] = "Cluster",
        };
        if (clusterIp is not null)
        {
            spec["clusterIP"] = clusterIp;
            spec["clusterIPs"] = new JsonArray(clusterIp);
        }
        return new JsonObject
        {
            ["metadata"] = Metadata(name),
            ["spec"] = spec,
            ["status"] = new JsonObject { ["loadBalancer"] = new JsonObject() },
        };
    }

    /// <summary>A service with the single unnamed port 80/TCP.</summary>
    public static JsonObject Web(string clusterIp = "10.96.0.10", string name = "web") => Service(name, clusterIp, ("", "TCP", 80, 0));

    public static JsonObject Slice(
        string name, string service, (string? Name, string Protocol, int Port)[] ports, params JsonObject[] endpoints)
    {
        var portItems = ports.Select(p => new JsonObject { ["name"] = p.Name, ["protocol"] = p.Protocol, ["port"] = p.Port });
        return new JsonObject
        {
            ["metadata"] = Metadata(name, ("kubernetes.io/service-name", service)),
            ["addressType"] = "IPv4",
            ["ports"] = new JsonArray([.. portItems]),
            ["endpoints"] = new JsonArray([.. endpoints]),
        };
    }

    /// <summary>A slice of <see cref="Web"/>: its target port is 8080.</summary>
    public static JsonObject WebSlice(string name, params JsonObject[] endpoints) => Slice(name, "web", [("", "TCP", 8080)], endpoints);

    public static JsonObject Endpoint(
        string address, string node = "node-1", bool? ready = true, bool? serving = null, bool? terminating = null, params string[] zones)
    {
        var endpoint = new JsonObject
        {
            ["addresses"] = new JsonArray(address),
            ["conditions"] = new JsonObject { ["ready"] = ready, ["serving"] = serving ?? ready, ["terminating"] = terminating ?? false },
            ["nodeName"] = node,
        };
        if (zones.Length > 0)
        {
            endpoint["hints"] = new JsonObject { ["forZones"] = new JsonArray([.. zones.Select(z => new JsonObject { ["name"] = z })]) };
        }

        return endpoint;
    }

    /// <summary>A terminating endpoint that still serves.</summary>
    public static JsonObject Terminating(string address, string node = "node-1") =>
        Endpoint(address, node, ready: false, serving: true, terminating: true);

    public static JsonObject Node(string name, string zone) => new()
    {
        ["kind"] = "Node",
        ["metadata"] = new JsonObject
        {
            ["name"] = name,
            ["uid"] = "uid-" + name,
            ["labels"] = new JsonObject { ["topology.kubernetes.io/zone"] = zone },
        },
    };

    /// <summary>The node with these pod ranges, and with these internal addresses and a host name as kubelet reports them.</summary>
    public static JsonObject WithAddresses(this JsonObject node, string[] addresses, params string[] podRanges)
    {
        var items = addresses.Select(a => new JsonObject { ["type"] = "InternalIP", ["address"] = a })
            .Append(new JsonObject { ["type"] = "Hostname", ["address"] = "host.example" });
        return node.With("status.addresses", new JsonArray([.. items]))
            .With("spec.podCIDR", podRanges.FirstOrDefault())
            .With("spec.podCIDRs", new JsonArray([.. podRanges.Select(r => JsonValue.Create(r))]));
    }

    public static JsonObject ServiceRange(string name, params string[] ranges) => new()
    {
        ["kind"] = "ServiceCIDR",
        ["metadata"] = new JsonObject { ["name"] = name, ["uid"] = "uid-" + name },
        ["spec"] = new JsonObject { ["cidrs"] = new JsonArray([.. ranges.Select(r => JsonValue.Create(r))]) },
    };

    public static JsonObject Namespace(string name, params (string Key, string Value)[] labels) => new()
    {
        ["kind"] = "Namespace",
        ["metadata"] = new JsonObject { ["name"] = name, ["uid"] = "uid-" + name, ["labels"] = Labels(labels) },
    };

    /// <summary>A running pod.</summary>
    /// <param name="ns">Its namespace.</param>
    /// <param name="name">Its name.</param>
    /// <param name="address">Its address.</param>
    /// <param name="labels">Its labels.</param>
    public static JsonObject Pod(string ns, string name, string address, params (string Key, string Value)[] labels) => new()
    {
        ["kind"] = "Pod",
        ["metadata"] = new JsonObject
        {
            ["name"] = name,
            ["namespace"] = ns,
            ["uid"] = "uid-" + name,
            ["labels"] = Labels(labels),
        },
        ["spec"] = new JsonObject { ["nodeName"] = "node-1", ["containers"] = new JsonArray(new JsonObject { ["name"] = "main" }) },
        ["status"] = new JsonObject
        {
            ["phase"] = "Running",
            ["podIP"] = address,
            ["podIPs"] = new JsonArray(new JsonObject { ["ip"] = address }),
        },
    };

    /// <summary>A NetworkPolicy that isolates all pods of its namespace for ingress; <see cref="With"/> changes it.</summary>
    public static JsonObject NetworkPolicy(string ns, string name) => new()
    {
        ["kind"] = "NetworkPolicy",
        ["metadata"] = new JsonObject { ["name"] = name, ["namespace"] = ns, ["uid"] = "uid-" + name },
        ["spec"] = new JsonObject { ["podSelector"] = new JsonObject(), ["policyTypes"] = new JsonArray("Ingress") },
    };

    /// <summary>A ClusterNetworkPolicy of the Admin tier for all pods, without rules; <see cref="With"/> changes it.</summary>
    public static JsonObject ClusterPolicy(string name, int priority = 10) => new()
    {
        ["kind"] = "ClusterNetworkPolicy",
        ["metadata"] = new JsonObject { ["name"] = name, ["uid"] = "uid-" + name },
        ["spec"] = new JsonObject
        {
            ["tier"] = "Admin",
            ["priority"] = priority,
            ["subject"] = new JsonObject { ["namespaces"] = new JsonObject() },
        },
    };

    public static JsonObject With(this JsonObject item, string path, JsonNode? value)
    {
        var copy = (JsonObject)item.DeepClone();
        var steps = path.Split('.');
        var at = copy;
        foreach (var step in steps[..^1])
        {
            at = (JsonObject)(at[step] ??= new JsonObject());
        }

        at[steps[^1]] = value;
        return copy;
    }

    public static JsonObject WithLabel(this JsonObject item, string label, string value = "")
    {
        var copy = (JsonObject)item.DeepClone();
        ((JsonObject)(copy["metadata"]!["labels"] ??= new JsonObject()))[label] = value;
        return copy;
    }

    public static string NameOf(JsonObject item) => $"{item["metadata"]!["namespace"]}/{item["metadata"]!["name"]}";

    public static string PathOf(JsonObject item) => (string?)item["kind"] switch
    {
        "Node" => Nodes,
        "ServiceCIDR" => ServiceRanges,
        "Namespace" => Namespaces,
        "Pod" => Pods,
        "NetworkPolicy" => NetworkPolicies,
        "ClusterNetworkPolicy" => ClusterPolicies,
        _ => item.ContainsKey("addressType") ? Slices : Services,
    };

    private static JsonObject Metadata(string name, params (string Key, string Value)[] labels) => new()
    {
        ["name"] = name,
        ["namespace"] = "default",
        ["uid"] = "uid-" + name,
        ["creationTimestamp"] = "2026-01-02T03:04:05Z",
        ["labels"] = Labels(labels),
        ["managedFields"] = new JsonArray(new JsonObject
        {
            ["manager"] = "kubectl",
            ["fieldsV1"] = new JsonObject { ["f:spec"] = new JsonObject { ["f:ports"] = new JsonObject() } },
        }),
    };

    private static JsonObject Labels((string Key, string Value)[] labels) =>
        new([.. labels.Select(l => KeyValuePair.Create(l.Key, (JsonNode?)l.Value))]);
}

namespace ACCOffload.Cluster.Tests.Setup;

/// <summary>Objects for tests. Servers answer /hostname and /clientip on TCP port 8080, and the same words on UDP port 8081.</summary>
internal static class Manifest
{
    /// <summary>A deployment of servers.</summary>
    /// <param name="namespace">Its namespace.</param>
    /// <param name="name">Its name, which its pods have as their label app.</param>
    /// <param name="replicas">The number of pods.</param>
    /// <param name="node">The node on which the pods must be; null for any.</param>
    /// <param name="pod">Further lines of the pods' specification, indented by six spaces.</param>
    /// <param name="container">Further lines of the container, indented by ten spaces.</param>
    /// <param name="kind">Their label kind, by which services select them.</param>
    /// <param name="graceSeconds">How long a pod may take to stop.</param>
    public static string Servers(string @namespace, string name, int replicas, string? node = null, string pod = "", string container = "",
        string kind = "server", int graceSeconds = 1) =>
        $$"""
        apiVersion: apps/v1
        kind: Deployment
        metadata: { name: {{name}}, namespace: {{@namespace}} }
        spec:
          replicas: {{replicas}}
          selector: { matchLabels: { app: {{name}} } }
          template:
            metadata: { labels: { app: {{name}}, kind: {{kind}} } }
            spec:
              {{(node is null ? "" : $"nodeName: {node}")}}
              terminationGracePeriodSeconds: {{graceSeconds}}
              containers:
                - name: server
                  image: {{RealCluster.Agnhost}}
                  imagePullPolicy: Never
                  args: [netexec, --http-port=8080, --udp-port=8081]
                  readinessProbe: { httpGet: { path: /hostname, port: 8080 }, periodSeconds: 1 }
        {{container}}
        {{pod}}
        ---

        """;

    /// <summary>A deployment of one pod that runs a shell script, which prints what it sees.</summary>
    public static string Script(string @namespace, string name, string node, string script) =>
        $$"""
        apiVersion: apps/v1
        kind: Deployment
        metadata: { name: {{name}}, namespace: {{@namespace}} }
        spec:
          selector: { matchLabels: { app: {{name}} } }
          template:
            metadata: { labels: { app: {{name}} } }
            spec:
              nodeName: {{node}}
              terminationGracePeriodSeconds: 1
              containers:
                - name: script
                  image: {{RealCluster.Agnhost}}
                  imagePullPolicy: Never
                  command: [sh, -c, {{System.Text.Json.JsonSerializer.Serialize(script)}}]
        ---

        """;

    /// <summary>A service for TCP port 80 of servers.</summary>
    /// <param name="namespace">Its namespace.</param>
    /// <param name="name">Its name.</param>
    /// <param name="selector">The label of its pods, such as app: web.</param>
    /// <param name="spec">Further fields of its specification, with commas between them.</param>
    public static string Service(string @namespace, string name, string selector, string spec = "type: ClusterIP") =>
        $$"""
        apiVersion: v1
        kind: Service
        metadata: { name: {{name}}, namespace: {{@namespace}} }
        spec: { selector: { {{selector}} }, ports: [{ port: 80, targetPort: 8080 }], {{spec}} }
        ---

        """;
}

using ACCOffload.TestKit.Processes;

namespace ACCOffload.Cluster.Tests.Setup;

/// <summary>kubectl with an administrator's kubeconfig.</summary>
internal sealed class Kubectl(string netns, string kubeconfig)
{
    /// <summary>The command, for scripts that run kubectl themselves.</summary>
    public string Command { get; } =
        $"nsenter --net=/run/netns/{netns} -- {KubernetesFolder.Program("kubectl")} --kubeconfig {kubeconfig}";

    /// <summary>Runs kubectl with a line of arguments, split at spaces.</summary>
    public Task<ShellResult> TryAsync(string line, string? input = null, int seconds = 60) =>
        TryAsync(line.Split(' ', StringSplitOptions.RemoveEmptyEntries), input, seconds);

    public Task<ShellResult> TryAsync(string[] arguments, string? input = null, int seconds = 60) =>
        Shell.RunAsync(netns, KubernetesFolder.Program("kubectl"), ["--kubeconfig", kubeconfig, .. arguments], input,
            limit: TimeSpan.FromSeconds(seconds));

    /// <summary>The output of kubectl with a line of arguments, without trailing whitespace.</summary>
    public async Task<string> RunAsync(string line, string? input = null, int seconds = 60) =>
        (await TryAsync(line, input, seconds).Succeeded()).Output.TrimEnd();

    /// <summary>Creates or changes objects from a manifest.</summary>
    public Task ApplyAsync(string manifest) => RunAsync("apply -f -", manifest);

    /// <summary>The value of a JSONPath for an object, or for a list of objects.</summary>
    public async Task<string> GetAsync(string line, string path) =>
        (await TryAsync([.. $"get {line}".Split(' '), "-o", $"jsonpath={path}"]).Succeeded()).Output.TrimEnd();

    /// <summary>The address of the first pod with a label app.</summary>
    public Task<string> PodAddressAsync(string @namespace, string app) =>
        GetAsync($"pods --namespace {@namespace} --selector app={app}", "{.items[0].status.podIP}");

    public Task<string> ClusterAddressAsync(string @namespace, string service) =>
        GetAsync($"service {service} --namespace {@namespace}", "{.spec.clusterIP}");

    public Task<string> NodePortAsync(string @namespace, string service) =>
        GetAsync($"service {service} --namespace {@namespace}", "{.spec.ports[0].nodePort}");

    /// <summary>A line for each pod: its UID, and how often its containers were restarted.</summary>
    /// <param name="scope">Such as --namespace NAME or --all-namespaces.</param>
    public async Task<HashSet<string>> RestartsAsync(string scope) =>
        [.. (await GetAsync($"pods {scope}",
            "{range .items[*]}{.metadata.uid} {.status.containerStatuses[*].restartCount}{\"\\n\"}{end}")).Split('\n')];

    /// <summary>Runs a shell command in a pod (or in one of a deployment).</summary>
    public Task<ShellResult> ExecAsync(string @namespace, string pod, string command, int seconds = 60) =>
        TryAsync(["exec", "--namespace", @namespace, pod, "--", "sh", "-c", command], seconds: seconds);

    public Task RolloutAsync(string @namespace, string workload, int seconds = 180) =>
        RunAsync($"rollout status {workload} --namespace {@namespace} --timeout={seconds}s", seconds: seconds + 10);
}

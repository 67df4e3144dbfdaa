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

    /// <summary>Runs a shell command in a pod (or in one of a deployment).</summary>
    public Task<ShellResult> ExecAsync(string @namespace, string pod, string command, int seconds = 60) =>
        TryAsync(["exec", "--namespace", @namespace, pod, "--", "sh", "-c", command], seconds: seconds);

    public Task RolloutAsync(string @namespace, string workload, int seconds = 180) =>
        RunAsync($"rollout status {workload} --namespace {@namespace} --timeout={seconds}s", seconds: seconds + 10);
}

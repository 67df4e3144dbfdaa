using ACCOffload.TestKit.Processes;

namespace ACCOffload.Cluster.Tests.Setup;

/// <summary>Requests to the servers of <see cref="Manifest.Servers"/>, and to the one outside of the cluster.</summary>
internal static class Requests
{
    private const string Limit = "5";

    /// <summary>What a server answers to a process in a network namespace; null if it does not.</summary>
    /// <param name="netns">The namespace.</param>
    /// <param name="url">Address, port and path.</param>
    /// <param name="source">The source address; null for the kernel's choice.</param>
    public static async Task<string?> AskFromAsync(string netns, string url, string? source = null) => AnswerOf(
        await Shell.RunAsync(netns, "curl", ["-s", "-m", Limit, .. source is null ? [] : new[] { "--interface", source }, $"http://{url}"]));

    /// <summary>What a server answers to a pod (or to one of a deployment); null if it does not.</summary>
    public static async Task<string?> AskFromPodAsync(this Kubectl kubectl, string @namespace, string pod, string url) =>
        AnswerOf(await kubectl.ExecAsync(@namespace, pod, $"curl -s -m {Limit} 'http://{url}'"));

    /// <summary>The address in an answer to /clientip, which has a port as well.</summary>
    public static string? SourceOf(string? answer) => answer?.Split(':')[0];

    private static string? AnswerOf(ShellResult run) => run.ExitCode == 0 ? run.Output.Trim() : null;
}

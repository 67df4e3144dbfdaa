using System.Text.Json.Nodes;
using ACCOffload.Cluster.Tests.Setup;

namespace ACCOffload.Cluster.Tests.Operation;

/// <summary>How much of everything that pods take a node has.</summary>
internal static class NodeCounts
{
    private const string Script = $$"""
        echo "pods $({{KubernetesFolder.InMachine}}/bin/crictl pods --quiet | wc -l)"
        echo "links $(ip -o link | wc -l)"
        echo "port links $(ip -n accoffload-dp -o link | wc -l)"
        echo "namespaces $(ls /run/netns | wc -l)"
        echo "addresses $(ls /var/lib/cni/networks/podnet | grep -c '^[0-9.]*$')"
        echo "attachments $(host-stub status | awk 'table && NF > 3 { n++ } $1 == "STATE" { table = 1 } END { print n + 0 }')"
        """;

    /// <summary>The numbers by their names; rows of the pipeline by their table.</summary>
    public static async Task<SortedDictionary<string, int>> TakeAsync(KubernetesNode node)
    {
        var counts = await RowsAsync(node);
        foreach (var line in (await node.Machine.OutputAsync("sh", "-c", Script)).Split('\n'))
        {
            counts[line[..line.LastIndexOf(' ')]] = int.Parse(line[line.LastIndexOf(' ')..]);
        }

        return counts;
    }

    /// <summary>The numbers of rows, as the target has them.</summary>
    public static async Task<SortedDictionary<string, int>> RowsAsync(KubernetesNode node)
    {
        var tables = JsonNode.Parse(await node.Machine.OutputAsync("inframanager", "ctl", "--json", "tables"))!["tables"]!.AsArray();
        return new SortedDictionary<string, int>(
            tables.ToDictionary(t => $"rows of {(string)t!["name"]!}", t => t!["rows"]?.AsArray().Count ?? 0), StringComparer.Ordinal);
    }

    /// <summary>Waits until kubelet has removed the sandboxes of former pods, which it keeps for a while.</summary>
    public static Task ForgottenAsync(KubernetesNode node) => Eventually.TrueAsync(
        async () => (await node.Machine.OutputAsync($"{KubernetesFolder.InMachine}/bin/crictl", "pods", "--state", "NotReady", "--quiet"))
            .Length == 0,
        $"{node.Name} has no sandboxes of former pods", seconds: 180);

    /// <summary>The numbers, once they have not changed for some seconds.</summary>
    public static async Task<SortedDictionary<string, int>> SettledAsync(KubernetesNode node,
        Func<KubernetesNode, Task<SortedDictionary<string, int>>> take)
    {
        var counts = await take(node);
        await Eventually.TrueAsync(async () =>
        {
            await Task.Delay(TimeSpan.FromSeconds(3));
            var before = counts;
            counts = await take(node);
            return counts.SequenceEqual(before);
        }, $"the numbers of {node.Name} settle");
        return counts;
    }

    /// <summary>Waits until a node has the same numbers as before.</summary>
    public static async Task AreAgainAsync(KubernetesNode node, SortedDictionary<string, int> before,
        Func<KubernetesNode, Task<SortedDictionary<string, int>>> take)
    {
        var now = before;
        await Eventually.TrueAsync(async () => (now = await take(node)).SequenceEqual(before),
            () => $"{node.Name} has the numbers of before; different (before, now): "
                + string.Join(", ", now.Keys.Union(before.Keys).Where(k => now.GetValueOrDefault(k) != before.GetValueOrDefault(k))
                    .Select(k => $"{k} {before.GetValueOrDefault(k)} {now.GetValueOrDefault(k)}")), seconds: 120);
    }
}

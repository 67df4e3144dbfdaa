using System.Diagnostics;
using ACCOffload.TestKit.Targets;

namespace ACCOffload.Crash.Tests.Watch;

/// <summary>The expected rows of the tables, based on the pipeline's description and not on the product's compiler.</summary>
internal static class TableOracle
{
    private const ulong GatewayMac = 0x02acc0000001;

    private static readonly TimeSpan PortTimeout = TimeSpan.FromSeconds(20);

    /// <summary>
    /// The difference between the target and the rows for these endpoints, or null. Rows of services are ignored. An unneeded port may be
    /// removed a little later; ports of a pool are permanent.
    /// </summary>
    public static async Task<string?> DifferenceAsync(
        TargetReader target, IReadOnlyCollection<PodSpec> pods, PodSpec? host = null, bool services = false,
        IReadOnlyDictionary<string, uint>? pool = null)
    {
        if (pods.GroupBy(p => p.PortName).FirstOrDefault(g => g.Count() > 1) is { } shared)
        {
            return $"port {shared.Key} is shared by {Summarize(shared.Select(p => p.ContainerId))}";
        }

        var ports = pool ?? await target.PortsAsync();
        var names = pods.Append(host).OfType<PodSpec>().Select(p => p.PortName).ToHashSet();
        if (!names.IsSubsetOf(ports.Keys))
        {
            return $"ports missing: {Summarize(names.Except(ports.Keys))}";
        }

        var wanted = pods.SelectMany(p => RowsOf(p, ports[p.PortName])).Concat(RowsOfNode()).ToHashSet();
        if (host is not null)
        {
            wanted.UnionWith(RowsOfHost(host, ports[host.PortName]));
        }

        var actual = await target.RowsAsync();
        if (services)
        {
            actual.RemoveWhere(ServiceRows.IsServiceRow);
        }
        // The pod range, in the lab's usual configuration or in one for more pods.
        if (actual.RemoveWhere(r => r is "routes dst_ip=af40100/24 unassigned()" or "routes dst_ip=af40000/16 unassigned()") != 1)
        {
            return "the pod range does not have exactly one row";
        }

        if (!wanted.SetEquals(actual))
        {
            return $"rows missing: {Summarize(wanted.Except(actual))}; unexpected: {Summarize(actual.Except(wanted))}";
        }

        var clock = Stopwatch.StartNew();
        while (pool is null && (ports = await target.PortsAsync()).Count > names.Count)
        {
            if (clock.Elapsed > PortTimeout)
            {
                return $"unexpected ports: {Summarize(ports.Keys.Except(names))}";
            }

            await Task.Delay(20);
        }

        return null;
    }

    // Sources of masqueraded flows: the node's address 192.0.2.2 or the gateway's 169.254.1.1, with 18,000 ports starting at 12,000. Also
    // the gateway itself and the ranges that are never routed.
    private static IEnumerable<string> RowsOfNode()
    {
        yield return "pools pool=1 pool_ports(ip=c0000202 first_port=2ee0 ports=4650 port_mask=7fff)";
        yield return "pools pool=fe pool_ports(ip=a9fe0101 first_port=2ee0 ports=4650 port_mask=7fff)";
        yield return "pools pool=ff pool_ports(ip=c0000202 first_port=2ee0 ports=4650 port_mask=7fff)";
        yield return "local_sources src_ip=a9fe0101 gateway_source()";
        yield return "routes dst_ip=a9fe0101/32 to_gateway()";
        foreach (var range in new[] { "0/8", "7f000000/8", "a9fe0000/16" })
        {
            yield return $"routes dst_ip={range} never_routed()";
        }
    }

    private static IEnumerable<string> RowsOf(PodSpec pod, uint port)
    {
        yield return $"port_class port={port:x} pod_port(port={port:x} gateway_mac={GatewayMac:x})";
        yield return $"mac_guard port={port:x} src_mac={pod.Mac:x} allow_mac()";
        yield return $"source_guard port={port:x} src_mac={pod.Mac:x} src_ip={pod.Address:x} allow_source()";
        yield return $"local_sources src_ip={pod.Address:x} local_source()";
        yield return $"pods dst_ip={pod.Address:x} to_pod(port={port:x} src_mac={GatewayMac:x} dst_mac={pod.Mac:x})";
    }

    // The host's own address and the node's, 192.0.2.2, from the lab's configuration.
    private static IEnumerable<string> RowsOfHost(PodSpec host, uint port)
    {
        yield return $"port_class port={port:x} host_port(port={port:x} gateway_mac={GatewayMac:x})";
        foreach (var address in new[] { host.Address, 0xc0000202 })
        {
            yield return $"local_sources src_ip={address:x} {(address == host.Address ? "internal_source" : "node_source")}()";
            yield return $"routes dst_ip={address:x}/32 to_port(port={port:x} src_mac={GatewayMac:x} dst_mac={host.Mac:x})";
        }
    }

    private static string Summarize(IEnumerable<string> items)
    {
        var list = items.ToList();
        return list.Count == 0 ? "none" : $"{list.Count} ({string.Join(", ", list.Take(4))})";
    }
}

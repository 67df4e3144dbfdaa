using System.Text;

namespace ACCOffload.Services.Tests.Kernel;

/// <summary>
/// The nftables transaction that replaces the served ports: everything is declared, which has no effect on existing objects, then
/// flushed and filled. Affinity entries stay as long as their endpoint.
/// </summary>
internal sealed class Ruleset
{
    private const string Table = "ip services";
    private const string Mark = "0x4000";

    private static readonly string[] BaseChains =
    [
        "pre { type nat hook prerouting priority dstnat; }", "output { type nat hook output priority -100; }",
        "post { type nat hook postrouting priority srcnat; }",
        "forward { type filter hook forward priority 0; }", "local_output { type filter hook output priority 0; }", "translate", "refuse",
    ];

    private static readonly string[] Maps = ["addresses", "node_ports", "without_endpoints"];

    private readonly StringBuilder _text = new();

    private Ruleset()
    {
    }

    /// <summary>Builds the input of <c>nft -f</c>.</summary>
    /// <param name="before">The current service ports.</param>
    /// <param name="next">The desired service ports.</param>
    /// <param name="podRange">Clients in this range are only masqueraded at node ports and when they reach themselves.</param>
    public static string Between(IReadOnlyCollection<ServicePort> before, IReadOnlyCollection<ServicePort> next, string podRange)
    {
        var rules = new Ruleset();
        rules.Declare(next);
        rules.Empty();
        rules.Drop(before, next);
        rules.FillBase();
        foreach (var port in next)
        {
            rules.Fill(port, podRange);
        }

        return rules._text.ToString();
    }

    private static string ChainOf(ServicePort port, string endpoint) => $"{port.Name}_{endpoint.Replace('.', '_').Replace(':', '_')}";

    private static string OutsideChainOf(ServicePort port) => $"outside_{port.Name}";

    private static string ClientsOf(string endpointChain) => $"clients_{endpointChain}";

    private static IEnumerable<string> ChainsOf(ServicePort port) => port.Endpoints.Select(e => ChainOf(port, e));

    private void Declare(IEnumerable<ServicePort> ports)
    {
        Line($"add table {Table}");
        foreach (var map in Maps)
        {
            Line($"add map {Table} {map} {{ type {(map == "node_ports" ? "" : "ipv4_addr . ")}inet_proto . inet_service : verdict; }}");
        }

        foreach (var chain in BaseChains)
        {
            Line($"add chain {Table} {chain}");
        }

        foreach (var port in ports)
        {
            Line($"add chain {Table} {port.Name}");
            Line($"add chain {Table} {OutsideChainOf(port)}");
            foreach (var chain in ChainsOf(port))
            {
                Line($"add chain {Table} {chain}");
                if (port.AffinitySeconds > 0)
                {
                    Line($"add set {Table} {ClientsOf(chain)} {{ type ipv4_addr; flags dynamic,timeout; timeout {port.AffinitySeconds}s; "
                        + $"}}");
                }
            }
        }
    }

    private void Empty()
    {
        Line($"flush table {Table}");
        foreach (var map in Maps)
        {
            Line($"flush map {Table} {map}");
        }
    }

    private void Drop(IReadOnlyCollection<ServicePort> before, IReadOnlyCollection<ServicePort> next)
    {
        var chains = next.SelectMany(ChainsOf).ToHashSet();
        var clients = next.Where(p => p.AffinitySeconds > 0).SelectMany(ChainsOf).ToHashSet();
        foreach (var port in before)
        {
            foreach (var chain in ChainsOf(port))
            {
                if (!chains.Contains(chain))
                {
                    Line($"delete chain {Table} {chain}");
                }

                if (port.AffinitySeconds > 0 && !clients.Contains(chain))
                {
                    Line($"delete set {Table} {ClientsOf(chain)}");
                }
            }

            if (next.All(n => n.Name != port.Name))
            {
                Line($"delete chain {Table} {port.Name}");
                Line($"delete chain {Table} {OutsideChainOf(port)}");
            }
        }
    }

    private void FillBase()
    {
        const string Where = "ip daddr . meta l4proto . th dport";
        Rule("pre", "jump translate");
        Rule("output", "jump translate");
        Rule("translate", $"{Where} vmap @addresses");
        Rule("translate", "fib daddr type local meta l4proto . th dport vmap @node_ports");
        Rule("post", $"meta mark & {Mark} == {Mark} masquerade fully-random");
        Rule("forward", $"ct state new {Where} vmap @without_endpoints");
        Rule("forward", "ct state invalid drop");
        Rule("local_output", $"ct state new {Where} vmap @without_endpoints");
        Rule("refuse", "reject");
    }

    private void Fill(ServicePort port, string podRange)
    {
        var where = $"{port.Address} . {port.Protocol} . {port.Port}";
        if (port.Endpoints.Length == 0)
        {
            Line($"add element {Table} without_endpoints {{ {where} : goto refuse }}");
            return;
        }

        Line($"add element {Table} addresses {{ {where} : goto {port.Name} }}");
        if (port.NodePort != 0)
        {
            Line($"add element {Table} node_ports {{ {port.Protocol} . {port.NodePort} : goto {OutsideChainOf(port)} }}");
        }

        Rule(OutsideChainOf(port), $"meta mark set meta mark or {Mark} goto {port.Name}");
        Rule(port.Name, $"ip daddr {port.Address} ip saddr != {podRange} meta mark set meta mark or {Mark}");
        if (port.AffinitySeconds > 0)
        {
            foreach (var chain in ChainsOf(port))
            {
                Rule(port.Name, $"ip saddr @{ClientsOf(chain)} goto {chain}");
            }
        }

        Rule(port.Name, $"numgen random mod {port.Endpoints.Length} vmap {{ {string.Join(", ", ChainsOf(port).Select((chain, i) => $"{i} "
            + $": goto {chain}"))} }}");
        foreach (var endpoint in port.Endpoints)
        {
            var chain = ChainOf(port, endpoint);
            // A pod that reaches itself would otherwise reply directly, bypassing the node.
            Rule(chain, $"ip saddr {ServicePort.AddressOf(endpoint)} meta mark set meta mark or {Mark}");
            if (port.AffinitySeconds > 0)
            {
                Rule(chain, $"update @{ClientsOf(chain)} {{ ip saddr }}");
            }

            Rule(chain, $"meta l4proto {port.Protocol} dnat to {endpoint}");
        }
    }

    private void Rule(string chain, string rule) => Line($"add rule {Table} {chain} {rule}");

    private void Line(string line) => _text.Append(line).Append('\n');
}

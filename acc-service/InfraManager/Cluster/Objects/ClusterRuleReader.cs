using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.Cluster.Objects;

/// <summary>Reads the rules of one ClusterNetworkPolicy, and notes what of them cannot be enforced.</summary>
internal sealed class ClusterRuleReader(FieldReader fields)
{
    /// <summary>The first part that cannot be enforced, in one line; empty if all can.</summary>
    public string Problem { get; private set; } = "";

    /// <exception cref="KubeFormatException">A field is invalid.</exception>
    public ClusterPolicyRule Read(ClusterRuleDocument? rule, ClusterPeerDocument?[]? peers, string field, string list)
    {
        if (rule is null)
        {
            throw fields.Invalid(field, "null");
        }

        var action = Action(rule.Action, $"{field}.action");
        List<PolicyPeer> read = [.. (peers ?? []).Select((p, i) => Peer(p, $"{field}.{list}[{i}]", isEgress: list == "to"))];
        if (read.Count == 0)
        {
            Note($"{field}.{list}", "has no peer that is known");
        }

        List<PolicyPort?> ports = [.. (rule.Protocols ?? []).Select((p, i) => Protocol(p, $"{field}.protocols[{i}]"))];
        // Without knowing which packets it means, the rule fails closed as with an unknown peer.
        return ports.Contains(null)
            ? new ClusterPolicyRule(rule.Name ?? "", action, [new PolicyPeer()], [])
            : new ClusterPolicyRule(rule.Name ?? "", action, [.. read], [.. ports.OfType<PolicyPort>()]);
    }

    private PolicyAction Action(string? action, string field)
    {
        switch (action)
        {
            case "Accept":
                return PolicyAction.Allow;
            case "Deny":
                return PolicyAction.Deny;
            case "Pass":
                return PolicyAction.Pass;
            default:
                Note(field, $"{FieldReader.Quote(action ?? "")} is not an action; the rule denies");
                return PolicyAction.Unknown;
        }
    }

    /// <returns>A peer with neither selector nor blocks if its kind cannot be enforced.</returns>
    private PolicyPeer Peer(ClusterPeerDocument? peer, string field, bool isEgress)
    {
        switch (peer)
        {
            case { Namespaces: { } namespaces, Pods: null, Networks: null, Nodes: null, DomainNames: null }:
                return new PolicyPeer { Namespaces = SelectorReader.Read(fields, namespaces, $"{field}.namespaces") };
            case { Namespaces: null, Pods: { } pods, Networks: null, Nodes: null, DomainNames: null }:
                return new PolicyPeer
                {
                    Namespaces = SelectorReader.Read(fields, pods.NamespaceSelector, $"{field}.pods.namespaceSelector")
                        ?? LabelSelector.All,
                    Pods = SelectorReader.Read(fields, pods.PodSelector, $"{field}.pods.podSelector") ?? LabelSelector.All,
                };
            case { Namespaces: null, Pods: null, Networks: { Length: > 0 } networks, Nodes: null, DomainNames: null }:
                return new PolicyPeer
                {
                    Nets = [.. networks.Select((n, i) => PolicyNet.Of(fields.Network(n, $"{field}.networks[{i}]")))],
                };
            case { Namespaces: null, Pods: null, Networks: null, Nodes: { } nodes, DomainNames: null } when isEgress:
                return new PolicyPeer { Nodes = SelectorReader.Read(fields, nodes, $"{field}.nodes") };
            default:
                Note(field, peer switch
                {
                    { Nodes: not null } when !isEgress => "peers by nodes are for egress only",
                    { DomainNames: not null } => "peers by domain names are not enforced",
                    _ => "the peer has no kind that is known, or more than one",
                });
                return new PolicyPeer();
        }
    }

    /// <returns>Null if it cannot be enforced.</returns>
    private PolicyPort? Protocol(ClusterProtocolDocument? protocol, string field)
    {
        switch (protocol)
        {
            case { Tcp: { } tcp, Udp: null, Sctp: null, DestinationNamedPort: null or "" }:
                return Ports(IpProtocol.Tcp, tcp, $"{field}.tcp");
            case { Tcp: null, Udp: { } udp, Sctp: null, DestinationNamedPort: null or "" }:
                return Ports(IpProtocol.Udp, udp, $"{field}.udp");
            case { Tcp: null, Udp: null, Sctp: { } sctp, DestinationNamedPort: null or "" }:
                return Ports(IpProtocol.Sctp, sctp, $"{field}.sctp");
            case { Tcp: null, Udp: null, Sctp: null, DestinationNamedPort: { Length: > 0 } name }:
                return new PolicyPort(null, null, null, name);
            default:
                Note(field, "has no protocol that is known, or more than one");
                return null;
        }
    }

    private PolicyPort? Ports(byte protocol, ClusterPortsDocument ports, string field)
    {
        switch (ports.DestinationPort)
        {
            case { Number: not (null or 0), Range: null } port:
                return new PolicyPort(protocol, fields.Port(port.Number, $"{field}.destinationPort.number"));
            case { Number: null or 0, Range: { } range }:
                return new PolicyPort(
                    protocol, fields.Port(range.Start, $"{field}.destinationPort.range.start"),
                    fields.Port(range.End, $"{field}.destinationPort.range.end"));
            default:
                Note(field, "has no attribute that is known");
                return null;
        }
    }

    private void Note(string field, string reason)
    {
        if (Problem.Length == 0)
        {
            Problem = fields.Invalid(field, reason).Message;
        }
    }
}

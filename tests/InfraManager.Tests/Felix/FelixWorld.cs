using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Policy.Classes;
using ACCOffload.InfraManager.State.Policy.Evaluation;
using ACCOffload.InfraManager.State.Policy.Felix;
using ACCOffload.InfraManager.State.Policy.Felix.Wire;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.Tests.Policy;

namespace ACCOffload.InfraManager.Tests.Felix;

/// <summary>The policies of a Felix, and the tables that they write.</summary>
internal sealed class FelixWorld
{
    private FelixDecoder _decoder = new();

    public FelixWorld(FelixLimits? limits = null) => Policies = new FelixPolicies(Compiler, limits);

    public PolicyCompiler Compiler { get; } = new();

    public PolicyTables Tables { get; } = new();

    public FelixPolicies Policies { get; }

    /// <summary>A Felix connects.</summary>
    public void Begin()
    {
        _decoder = new FelixDecoder();
        Policies.Begin();
    }

    /// <summary>Takes messages without their lengths; returns the rows that changed.</summary>
    public List<RowChange> Take(params IEnumerable<byte[]> messages)
    {
        var all = new List<RowChange>();
        foreach (var message in messages)
        {
            var rows = Policies.Apply(_decoder.Decode(message));
            Write(rows);
            all.AddRange(rows);
        }

        return all;
    }

    /// <summary>What the programmer does with an intent, without a target.</summary>
    public Task<FelixView> SubmitAsync(FelixIntent intent, CancellationToken cancel)
    {
        if (intent.Step == FelixStep.Begin)
        {
            Policies.Begin();
        }
        else if (intent.Step == FelixStep.End)
        {
            Policies.End();
        }

        foreach (var message in intent.Messages)
        {
            Write(Policies.Apply(message));
        }

        intent.Connection.View = new FelixView(
            true, Policies.IsInSync, true, Policies.Workloads.Count, [.. Policies.Problems],
            Policies.Workloads.ToDictionary(w => w.Key, w => Policies.StatusOf(w.Value)));
        return Task.FromResult(intent.Connection.View);
    }

    public PolicyVerdict Judge(string endpoint, PolicyDirection direction, string peer, byte protocol, ushort port) =>
        Tables.Judge(Compiler, endpoint, direction, new PolicyPacket(PolicyAddress.Parse(peer), protocol, port))!.Value;

    public bool IsAllowed(string endpoint, string peer, byte protocol = IpProtocol.Tcp, ushort port = 80,
        PolicyDirection direction = PolicyDirection.Ingress) => Judge(endpoint, direction, peer, protocol, port).IsAllowed;

    /// <summary>
    /// The tables say what the reference evaluator says, at the edges of everything that the policies name: three addresses of each peer
    /// class and family, three ports of each port class and protocol.
    /// </summary>
    /// <param name="mostEndpoints">Checks no more endpoints than this.</param>
    /// <returns>The number of points.</returns>
    public int CheckEveryPoint(int mostEndpoints = int.MaxValue)
    {
        var matches = Compiler.Model.Policies.Values.SelectMany(p => p.Ingress.Concat(p.Egress)).Select(r => r.Match).ToList();
        var nets = matches.SelectMany(m => m.Peer.Nets.Concat(m.Peer.NotNets).Concat(m.Own.Nets).Concat(m.Own.NotNets))
            .Concat(Compiler.Model.Sets.Values.SelectMany(s => s)).Distinct();
        var peers = nets.SelectMany(Edges).Concat(Compiler.Model.Peers.Addresses)
            .Concat(Compiler.Model.Endpoints.Values.SelectMany(e => e.Addresses))
            .Append(PolicyAddress.Parse("192.0.2.99")).Append(PolicyAddress.Parse("2001:db8::99"))
            .GroupBy(a => (Tables.PeerClass(a), a.IsIpv4)).SelectMany(g => g.Take(3)).ToList();
        var spans = matches.SelectMany(m => m.Ports.Concat(m.NotPorts))
            .Concat(matches.SelectMany(m => new[] { m.Icmp, m.NotIcmp }).OfType<IcmpMatch>().Select(i => i.Span));
        var numbers = spans.SelectMany(s => new[] { s.First - 1, s.First, s.Last, s.Last + 1 })
            .Concat(Compiler.Model.Peers.Groups.SelectMany(g => g.Membership.NamedPorts).Select(p => (int)p.Port))
            .Append(0).Append(80).Append(65535).Where(p => p is >= 0 and <= 65535).Distinct().ToList();
        byte[] protocols = [IpProtocol.Icmp, IpProtocol.Tcp, IpProtocol.Udp, 47, IpProtocol.Icmpv6, IpProtocol.Sctp, 136];
        var ports = protocols.SelectMany(p => numbers.Select(n => (Protocol: p, Port: (ushort)n)))
            .GroupBy(p => (p.Protocol, Tables.PortClass(p.Protocol, p.Port))).SelectMany(g => g.Take(3)).ToList();
        var points = 0;
        foreach (var (id, endpoint) in Compiler.Model.Endpoints.Where(e => !Compiler.Unresolved.Contains(e.Key)).Take(mostEndpoints))
        {
            foreach (var direction in Enum.GetValues<PolicyDirection>())
            {
                foreach (var peer in peers.Where(p => endpoint.Addresses.Any(a => a.IsIpv4 == p.IsIpv4)))
                {
                    foreach (var (protocol, port) in ports)
                    {
                        var packet = new PolicyPacket(peer, protocol, port);
                        Assert.Equal(
                            PolicyEvaluator.Judge(Compiler.Model, endpoint, direction, packet),
                            Tables.Judge(Compiler, id, direction, packet));
                        points++;
                    }
                }
            }
        }

        return points;
    }

    private void Write(IReadOnlyList<RowChange> rows)
    {
        Tables.Learn(Compiler);
        Tables.Apply(rows);
    }

    private static IEnumerable<PolicyAddress> Edges(PolicyNet net)
    {
        var last = net.First.Bits | (net.Length == 0 ? UInt128.MaxValue : (UInt128.One << (128 - net.Length)) - 1);
        return new[] { net.First.Bits - 1, net.First.Bits, last, last + 1 }.Select(b => new PolicyAddress(b));
    }
}

using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.Tests.Policy;

/// <summary>Random parts of a policy model, from few addresses, ports and names, so that they often overlap.</summary>
internal sealed class RandomWorld(int seed)
{
    private static readonly byte[] Protocols = [IpProtocol.Tcp, IpProtocol.Udp, IpProtocol.Sctp, IpProtocol.Icmp, IpProtocol.Icmpv6, 47];

    // Of port ranges, and of the ICMP types and codes that Icmp returns.
    private static readonly int[] Edges =
    [
        0, 1, 53, 80, 81, 255, 443, 1023, 1024, 2047, 2048, 2049, 2303, 8080, 8087, 30000, 32767, 32768, 32769, 33023, 65280, 65281, 65534,
        65535,
    ];

    private readonly Random _random = new(seed);

    /// <summary>The endpoints' own addresses are among them.</summary>
    public static IReadOnlyList<PolicyAddress> Pods { get; } =
    [
        .. Enumerable.Range(0, 16).Select(i => PolicyAddress.Parse($"10.0.0.{i}")),
        .. Enumerable.Range(0, 8).Select(i => PolicyAddress.Parse($"fd00::{i}")),
    ];

    /// <summary>Pods, neighbours of the blocks' edges, and others.</summary>
    public static IReadOnlyList<PolicyAddress> Addresses { get; } =
    [
        .. Pods,
        .. new[]
        {
            "10.0.0.16", "10.0.0.31", "10.0.0.32", "10.0.0.255", "10.0.1.0", "10.255.255.255", "11.0.0.0", "9.255.255.255", "192.168.0.0",
            "192.168.0.1", "192.168.0.7", "192.168.0.8", "192.168.0.255", "192.168.1.0", "0.0.0.0", "255.255.255.255", "fd00::8", "fd00::f",
            "fd00::10", "fd00::ffff", "fd00:0:0:1::", "fd01::", "::", "2001:db8::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        }.Select(PolicyAddress.Parse),
    ];

    public static IReadOnlyList<(byte Protocol, ushort Port)> Ports { get; } =
    [
        .. Protocols.Append((byte)253).SelectMany(p => Edges.SelectMany(e => new[] { e - 1, e, e + 1 })
            .Where(e => e is >= 0 and <= 65535).Distinct().Select(e => (p, (ushort)e))),
    ];

    public static IReadOnlyList<string> SetIds { get; } = [.. Enumerable.Range(0, 6).Select(i => $"s{i}")];

    public static IReadOnlyList<string> NamedIds { get; } = ["n0", "n1"];

    public static IReadOnlyList<string> PolicyIds { get; } = [.. Enumerable.Range(0, 6).Select(i => $"p{i}")];

    public static IReadOnlyList<string> EndpointIds { get; } = [.. Enumerable.Range(0, 4).Select(i => $"e{i}")];

    /// <summary>Whether rules ask for the endpoint's own sets.</summary>
    public bool HasOwnSets { get; init; } = true;

    public int Next(int below) => _random.Next(below);

    public bool Chance(double probability) => _random.NextDouble() < probability;

    public T Pick<T>(IReadOnlyList<T> items) => items[_random.Next(items.Count)];

    public PolicyNet Net()
    {
        var address = Pick(Addresses);
        return PolicyNet.Around(
            address, address.IsIpv4 ? 96 + Pick([0, 8, 16, 24, 28, 29, 30, 31, 32]) : Pick([0, 8, 64, 112, 124, 126, 128]));
    }

    public PolicyPacket Packet()
    {
        var (protocol, port) = Pick(Ports);
        return new PolicyPacket(Pick(Addresses), protocol, Chance(0.2) ? (ushort)_random.Next(65536) : port);
    }

    public PeerMembership Membership() => PeerMembership.Of(
        Some(SetIds, 3),
        Chance(0.4) ? Many(2, () => new NamedPort(Pick(NamedIds), Pick(Protocols[..3]), Pick<ushort>([80, 443, 8080]))) : []);

    public List<PolicyNet> Nets(int most) => Many(most, Net);

    public PolicyRules Policy(string id) =>
        new([.. Rules($"{id} in")], [.. Rules($"{id} out")]) { IsStaged = Chance(0.15) };

    public EndpointPolicy Endpoint(string id)
    {
        var number = EndpointIds.ToList().IndexOf(id);
        PolicyAddress[] both = [Pods[number], Pods[16 + number]];
        return new EndpointPolicy(Chance(0.6) ? [.. both] : Chance(0.5) ? [both[0]] : [both[1]], Direction(), Direction())
        {
            IsActive = !Chance(0.05),
        };
    }

    private DirectionPolicy Direction() => new([.. Many(3, () => new TierPolicies(
        $"t{Next(3)}",
        Pick([PolicyAction.Deny, PolicyAction.Pass, PolicyAction.Allow, PolicyAction.Unknown]),
        [.. Some(PolicyIds, 3)]))], Chance(0.5));

    private List<PolicyRule> Rules(string name) => [.. Enumerable.Range(0, Pick([0, 1, 2, 4]))
        .Select(i => new PolicyRule($"{name} {i}", Action(), Match()))];

    private PolicyAction Action() => Pick(
    [
        PolicyAction.Allow, PolicyAction.Allow, PolicyAction.Allow, PolicyAction.Deny, PolicyAction.Deny, PolicyAction.Pass,
        PolicyAction.Log, PolicyAction.Unknown,
    ]);

    private RuleMatch Match()
    {
        var protocol = Chance(0.5) ? Pick(Protocols) : (byte?)null;
        var isIcmp = protocol is IpProtocol.Icmp or IpProtocol.Icmpv6;
        return new RuleMatch
        {
            IpVersion = Pick<byte>([0, 0, 0, 0, 4, 6]),
            Protocol = protocol,
            NotProtocol = Chance(0.15) ? Pick(Protocols) : null,
            Ports = Chance(0.4) ? [.. Many(2, Span)] : [],
            NotPorts = Chance(0.15) ? [.. Many(2, Span)] : [],
            NamedPorts = Chance(0.15) ? [.. Some(NamedIds, 2)] : [],
            NotNamedPorts = Chance(0.1) ? [.. Some(NamedIds, 2)] : [],
            Icmp = Chance(isIcmp ? 0.7 : 0.05) ? Icmp() : null,
            NotIcmp = Chance(0.1) ? Icmp() : null,
            IsUndecidable = Chance(0.05),
            Peer = Address(hasSets: true),
            Own = Chance(0.15) ? Address(HasOwnSets) : AddressMatch.Any,
        };
    }

    private IcmpMatch Icmp() => new(Pick<byte>([0, 8, 128, 255]), Chance(0.5) ? Pick<byte>([0, 1, 255]) : null);

    private PortSpan Span()
    {
        var first = Pick(Edges);
        return new PortSpan((ushort)first, (ushort)Math.Max(first, Chance(0.5) ? first : Pick(Edges)));
    }

    private AddressMatch Address(bool hasSets) => new()
    {
        Nets = Chance(0.3) ? [.. Nets(3)] : [],
        NotNets = Chance(0.2) ? [.. Nets(2)] : [],
        AllOf = hasSets && Chance(0.25) ? [.. Some(SetIds, 2)] : [],
        AnyOf = hasSets && Chance(0.2) ? [.. Some(SetIds, 3)] : [],
        NoneOf = hasSets && Chance(0.15) ? [.. Some(SetIds, 2)] : [],
    };

    private List<T> Many<T>(int most, Func<T> next) => [.. Enumerable.Range(0, _random.Next(most + 1)).Select(_ => next())];

    private List<T> Some<T>(IReadOnlyList<T> items, int most) => [.. Many(most, () => Pick(items)).Distinct()];
}

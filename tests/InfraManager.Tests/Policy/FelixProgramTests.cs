using System.Text.Json.Nodes;
using ACCOffload.InfraManager.State.Policy.Classes;
using ACCOffload.InfraManager.State.Policy.Evaluation;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.Tests.Policy;

/// <summary>
/// The packets that Calico's own tests of its policy programs allow and drop. Each packet is judged twice: as ingress of its destination,
/// and as egress of its source.
/// </summary>
public sealed class FelixProgramTests
{
    private const string Endpoint = "endpoint";
    private static readonly JsonArray Cases =
        JsonNode.Parse(File.ReadAllText(Repository.At("tests/InfraManager.Tests/Policy/Data/felix-programs.json")))!["cases"]!.AsArray();

    public static TheoryData<string> Names => [.. Cases.Select(c => (string)c!["name"]!)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Packets_pass_as_in_Felix(string name)
    {
        var test = Cases.Single(c => (string)c!["name"]! == name)!;
        foreach (var direction in Enum.GetValues<PolicyDirection>())
        {
            foreach (var packet in Strings(test["allowed"]))
            {
                Assert.True(IsAllowed(test, direction, packet), $"{direction} {packet} is dropped");
            }

            foreach (var packet in Strings(test["dropped"]))
            {
                Assert.False(IsAllowed(test, direction, packet), $"{direction} {packet} is allowed");
            }
        }
    }

    private static bool IsAllowed(JsonNode test, PolicyDirection direction, string text)
    {
        var fields = text.Split(' ');
        var (source, destination) = (PolicyAddress.Parse(fields[1]), PolicyAddress.Parse(fields[3]));
        var (own, peer) = direction == PolicyDirection.Ingress ? (destination, source) : (source, destination);
        var protocol = fields[0] switch
        {
            "tcp" => IpProtocol.Tcp,
            "udp" => IpProtocol.Udp,
            "icmp" => peer.IsIpv4 ? IpProtocol.Icmp : IpProtocol.Icmpv6,
            var number => byte.Parse(number, System.Globalization.CultureInfo.InvariantCulture),
        };
        var packet = new PolicyPacket(peer, protocol, ushort.Parse(fields[4], System.Globalization.CultureInfo.InvariantCulture));

        var (compiler, tables) = (new PolicyCompiler(), new PolicyTables());
        foreach (var (set, members) in test["sets"]?.AsObject() ?? [])
        {
            compiler.SetNets(set, [.. Strings(members).Where(m => m.Contains('/')).Select(PolicyNet.Parse)]);
            foreach (var member in Strings(members).Where(m => m.Contains(',')).Select(m => m.Split(',')))
            {
                compiler.SetPeer(PolicyAddress.Parse(member[0]), PeerMembership.Of([],
                    [new NamedPort(set, byte.Parse(member[1], System.Globalization.CultureInfo.InvariantCulture),
                        ushort.Parse(member[2], System.Globalization.CultureInfo.InvariantCulture))]));
            }
        }

        var tiers = new List<TierPolicies>();
        foreach (var tier in test["tiers"]!.AsArray())
        {
            var id = $"policy {tiers.Count}";
            if (tier!["rules"] is JsonArray rules)
            {
                SequenceOf<PolicyRule> ofTier = [.. rules.Select((r, i) => Rule($"{id} {i}", r!, direction))];
                compiler.SetPolicy(id, new PolicyRules(ofTier, ofTier));
            }

            tiers.Add(new TierPolicies($"{tiers.Count}", (string)tier["default"]! == "pass" ? PolicyAction.Pass : PolicyAction.Deny,
                tier["rules"] is null ? [] : [id]));
        }

        var policy = new DirectionPolicy([.. tiers], IsOpen: false);
        var endpoint = new EndpointPolicy([own], policy, policy);
        var changes = compiler.SetEndpoint(Endpoint, endpoint);
        tables.Learn(compiler);
        tables.Apply(changes);
        var verdict = tables.Judge(compiler, Endpoint, direction, packet);
        Assert.Equal(PolicyEvaluator.Judge(compiler.Model, endpoint, direction, packet), verdict);
        return verdict!.Value.IsAllowed;
    }

    private static PolicyRule Rule(string name, JsonNode rule, PolicyDirection direction)
    {
        var (source, destination) = (Address(rule, "src", "Src"), Address(rule, "dst", "Dst"));
        var isIngress = direction == PolicyDirection.Ingress;
        return new PolicyRule(name, Enum.Parse<PolicyAction>((string)rule["action"]!, ignoreCase: true), new RuleMatch
        {
            Protocol = (byte?)(int?)rule["protocol"],
            NotProtocol = (byte?)(int?)rule["notProtocol"],
            Ports = [.. Strings(rule["ports"]).Select(Span)],
            NotPorts = [.. Strings(rule["notPorts"]).Select(Span)],
            NamedPorts = [.. Strings(rule["namedPorts"])],
            Icmp = Icmp(rule["icmp"]),
            NotIcmp = Icmp(rule["notIcmp"]),
            IsUndecidable = (bool?)rule["undecidable"] ?? false,
            Peer = isIngress ? source : destination,
            Own = isIngress ? destination : source,
        });
    }

    private static AddressMatch Address(JsonNode rule, string side, string notSide) => new()
    {
        Nets = [.. Strings(rule[$"{side}Nets"]).Select(PolicyNet.Parse)],
        NotNets = [.. Strings(rule[$"not{notSide}Nets"]).Select(PolicyNet.Parse)],
        AllOf = [.. Strings(rule[$"{side}Sets"])],
        NoneOf = [.. Strings(rule[$"not{notSide}Sets"])],
    };

    private static IcmpMatch? Icmp(JsonNode? icmp) =>
        icmp is JsonArray fields ? new IcmpMatch((byte)(int)fields[0]!, fields.Count > 1 ? (byte)(int)fields[1]! : null) : null;

    private static PortSpan Span(string text) => PortSpan.Parse(text, out var span) is { } problem
        ? throw new FormatException(problem)
        : span;

    private static IEnumerable<string> Strings(JsonNode? list) => (list?.AsArray() ?? []).Select(i => (string)i!);
}

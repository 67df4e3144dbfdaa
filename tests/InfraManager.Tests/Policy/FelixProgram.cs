using System.Globalization;
using System.Text.Json.Nodes;
using ACCOffload.InfraManager.State.Policy.Classes;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.Tests.Policy;

/// <summary>A policy program of Calico's tests, with the packets that it allows and drops.</summary>
internal sealed class FelixProgram
{
    private readonly JsonNode _case;

    private FelixProgram(JsonNode test)
    {
        _case = test;
        Packets =
        [
            .. Strings(test["allowed"]).Select(p => FelixPacket.Parse(p, true)),
            .. Strings(test["dropped"]).Concat(Strings(test["lost"])).Select(p => FelixPacket.Parse(p, false)),
        ];
    }

    /// <summary>Calico's name of the program that this is, or is a part of.</summary>
    public string Program => (string)_case["name"]!;

    public IReadOnlyList<FelixPacket> Packets { get; }

    /// <summary>All programs, by name; those with host policy as one part for each kind of packet.</summary>
    public static IReadOnlyDictionary<string, FelixProgram> Load() =>
        JsonNode.Parse(File.ReadAllText(Repository.At("tests/InfraManager.Tests/Policy/Data/felix-programs.json")))!["cases"]!.AsArray()
            .ToDictionary(c => (string)c!["name"]! + (c["part"] is { } part ? $", {part}" : ""), c => new FelixProgram(c!));

    /// <summary>Gives a compiler the sets and policies.</summary>
    /// <returns>The policy of an endpoint in this direction.</returns>
    public DirectionPolicy Define(PolicyCompiler compiler, PolicyDirection direction)
    {
        foreach (var (set, members) in _case["sets"]?.AsObject() ?? [])
        {
            compiler.SetNets(set, [.. Strings(members).Where(m => m.Contains('/')).Select(PolicyNet.Parse)]);
            foreach (var member in Strings(members).Where(m => m.Contains(',')).Select(m => m.Split(',')))
            {
                var protocol = byte.Parse(member[1], CultureInfo.InvariantCulture);
                var port = ushort.Parse(member[2], CultureInfo.InvariantCulture);
                compiler.SetPeer(PolicyAddress.Parse(member[0]), PeerMembership.Of([], [new NamedPort(set, protocol, port)]));
            }
        }

        var tiers = new List<TierPolicies>();
        foreach (var tier in _case["tiers"]!.AsArray())
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

        return new DirectionPolicy([.. tiers], IsOpen: (bool?)_case["open"] ?? false);
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

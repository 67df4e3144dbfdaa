using System.Globalization;
using ACCOffload.InfraManager.Programming.Policy;
using ACCOffload.InfraManager.State.Policy;
using ACCOffload.InfraManager.State.Policy.Classes;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.Protos.V1;

namespace ACCOffload.InfraManager.Control.Policy;

/// <summary>
/// Says in a trace what the numbers in the tables of policy stand for: pods, peers, ports and rules. The time is that of a search among the
/// numbers in use, for each step.
/// </summary>
internal sealed class TraceRules
{
    private const int MaxFacts = 8;
    private const int MaxPods = 3;

    private readonly PolicyInForce _policy;

    private TraceRules(PolicyInForce policy) => _policy = policy;

    /// <summary>Whether a step of the trace judged the packet by policy.</summary>
    public static bool AreAskedBy(TraceReply trace) => trace.Steps.Any(s => IsPolicyStep(s.Table) || IsIsolating(s.Action));

    /// <summary>The notes of the steps, by index; empty for steps without one.</summary>
    public static List<string> NotesOf(TraceReply trace, PolicyInForce policy)
    {
        var rules = new TraceRules(policy);
        var notes = new List<string>();
        foreach (var step in trace.Steps)
        {
            notes.Add(rules.NoteOf(step));
        }

        return notes;
    }

    private static bool IsPolicyStep(string table) =>
        table is "peers" or "nets" or "ports" or "port_ranges" or "egress_groups" or "ingress_groups" or "verdicts";

    private static bool IsIsolating(string action) => action is "isolated_pod_port" or "to_isolated_pod";

    private string NoteOf(TraceStep step) => step.Table switch
    {
        "peers" or "nets" when step.Hit => Param(step, "class") is { } number ? PeersOf(number) : "",
        "ports" or "port_ranges" when step.Hit => Param(step, "class") is { } number ? PortsOf(number) : "",
        "egress_groups" => Key(step, "set") is { } number ? SetNote(number, PolicyDirection.Egress) : "",
        "ingress_groups" => Key(step, "set") is { } number ? SetNote(number, PolicyDirection.Ingress) : "",
        "verdicts" when step.Hit => Param(step, "rule") is { } number ? RuleNote(number) : "",
        "verdicts" => Key(step, "group") is { } number ? DefaultNote(number) : "",
        _ when IsIsolating(step.Action) && (Param(step, "egress_set") == PolicySets.PendingSet
            || Param(step, "ingress_set") == PolicySets.PendingSet) => ClosedNote(step),
        _ => "",
    };

    private string PeersOf(uint number)
    {
        var compiled = _policy.Bindings.Numbers.FindPeer(number);
        foreach (var peerClass in _policy.Compiler.PeerClasses)
        {
            if (peerClass.Number == compiled)
            {
                var facts = _policy.Compiler.FactsOf(peerClass).Select(Text).Order(StringComparer.Ordinal).ToList();
                return $"class {number}: {Join(facts, MaxFacts)}";
            }
        }

        return $"class {number} is no longer in use";
    }

    private string PortsOf(uint number)
    {
        var compiled = _policy.Bindings.Numbers.FindPort(number);
        foreach (var portClass in _policy.Compiler.PortClasses)
        {
            if (portClass.Number == compiled)
            {
                var tests = new List<string>();
                foreach (var test in portClass.Tests)
                {
                    // The whole protocol says nothing beside one of its ranges.
                    if (test != PortTest.All(test.Protocol) || !HasRange(portClass.Tests, test.Protocol))
                    {
                        tests.Add(Text(test));
                    }
                }

                return $"port class {number}: {Join(tests, MaxFacts)}";
            }
        }

        return $"port class {number} is no longer in use";
    }

    private string SetNote(uint number, PolicyDirection direction)
    {
        var pods = _policy.Pods.Where(e => _policy.SetOf(e, direction) == number).Select(e => PolicyBindings.KeyOf(e.Spec))
            .Distinct().Order(StringComparer.Ordinal).ToList();
        return pods.Count == 0
            ? $"set {number} is no longer in use"
            : $"set {number}: {PolicyWords.Of(direction)} of {Join(pods, MaxPods)}";
    }

    private string RuleNote(uint number) => _policy.Compiler.Rules[number] is { Length: > 0 } name
        ? $"rule {name}"
        : $"rule {number} is no longer in use";

    private string DefaultNote(uint number)
    {
        var compiled = _policy.Bindings.Numbers.FindGroup(number);
        var groups = _policy.Compiler.Sets.Select(s => s.Own).Concat(_policy.Compiler.Groups);
        return groups.FirstOrDefault(g => g.Number == compiled) is { } group
            ? $"group {number}: no row for this port, so {_policy.Compiler.Rules[group.Function.Default.Rule]}"
            : $"group {number} is no longer in use";
    }

    private string ClosedNote(TraceStep step)
    {
        var direction = Param(step, "egress_set") == PolicySets.PendingSet ? PolicyDirection.Egress : PolicyDirection.Ingress;
        var reasons = _policy.Pods.Where(e => _policy.PortOf(e.Spec.PortName) == Param(step, "port"))
            .Select(e => (Pod: PolicyBindings.KeyOf(e.Spec), Reason: _policy.ClosedBecause(e, direction)))
            .Where(c => c.Reason.Length > 0).Select(c => $"{c.Pod} is closed: {c.Reason}").ToList();
        return reasons.Count == 0 ? "the pod is closed" : reasons[0];
    }

    private static string Text(AtomKey fact) => fact.Kind switch
    {
        AtomKind.Unknown => "in a pod range, and not known",
        AtomKind.Net => $"in {fact.Net}",
        AtomKind.Set => $"of {fact.Set}",
        _ => $"has {fact.Set} at {IpProtocol.NameOf(fact.Protocol)} {fact.Port}",
    };

    private static string Text(PortTest test) => test switch
    {
        { First: 0, Last: ushort.MaxValue } => IpProtocol.NameOf(test.Protocol),
        _ when test.First == test.Last => $"{IpProtocol.NameOf(test.Protocol)} {test.First}",
        _ => $"{IpProtocol.NameOf(test.Protocol)} {test.First}-{test.Last}",
    };

    private static bool HasRange(IEnumerable<PortTest> tests, byte protocol)
    {
        foreach (var test in tests)
        {
            if (test.Protocol == protocol && test != PortTest.All(protocol))
            {
                return true;
            }
        }

        return false;
    }

    private static string Join(List<string> texts, int max) => texts.Count <= max
        ? string.Join(", ", texts)
        : $"{string.Join(", ", texts.Take(max))} and {texts.Count - max} more";

    private static uint? Key(TraceStep step, string name) => Number(step.Key, name);

    private static uint? Param(TraceStep step, string name) => Number(step.Params, name);

    private static uint? Number(IEnumerable<NamedValue> values, string name) =>
        values.FirstOrDefault(v => v.Name == name) is { } value
        && uint.TryParse(value.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : null;
}

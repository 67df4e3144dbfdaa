using ACCOffload.InfraManager.State.Policy.Evaluation;
using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.State.Policy.Points;

/// <summary>
/// Compares the rows of a target with the reference evaluator on every point: each set of each local pod, each kind of peer, each kind of
/// port. Every address and port of every packet is like one of the samples, so equal samples mean equal verdicts for all packets.
/// </summary>
internal sealed class TargetComparison
{
    /// <summary>Differences that are described.</summary>
    public const int MaxDifferences = 16;

    private readonly PolicyModel _model;
    private readonly Func<uint, string> _nameOf;
    private readonly PolicyTargetRows _rows;
    private readonly TargetRowJudge _judge;
    private readonly List<(PolicyAddress Address, uint Class)> _peers = [];
    private readonly List<(PortSample Port, uint Class)> _ports = [];
    private readonly HashSet<SetKind> _compared = [];
    private readonly List<string> _differences = [];
    private readonly CancellationToken _cancellationToken;

    /// <param name="model">The policies. Nothing may change it meanwhile.</param>
    /// <param name="nameOf">The name of a rule, by its number.</param>
    /// <param name="rows">What was read from the target.</param>
    /// <param name="isForwarded">Whether the pipeline forwards packets with such an address: of others it has no rows.</param>
    /// <param name="cancellationToken">Ends the comparison.</param>
    public TargetComparison(PolicyModel model, Func<uint, string> nameOf, PolicyTargetRows rows, Func<PolicyAddress, bool> isForwarded,
        CancellationToken cancellationToken)
    {
        (_model, _nameOf, _rows, _cancellationToken) = (model, nameOf, rows, cancellationToken);
        _judge = new TargetRowJudge(rows);
        foreach (var (address, _) in PeerSamples.Of([model], rows, cancellationToken))
        {
            if (isForwarded(address))
            {
                _peers.Add((address, _judge.ClassOf(address)));
            }
        }

        foreach (var port in PortSamples.Of([model], _judge))
        {
            _ports.Add((port, _judge.ClassOf(port.Protocol, port.Port)));
        }
    }

    public int Peers => _peers.Count;

    public int Ports => _ports.Count;

    /// <summary>The different sets that were compared.</summary>
    public int Sets => _compared.Count;

    /// <summary>Compared points: sets times peers times ports.</summary>
    public long Points { get; private set; }

    /// <summary>Points, and rows of pods, in which target and policies differ.</summary>
    public long Differing { get; private set; }

    /// <summary>The first differences, in words.</summary>
    public IReadOnlyList<string> Differences => _differences;

    /// <exception cref="OperationCanceledException">It was ended.</exception>
    public void Compare(JudgedEndpoint endpoint)
    {
        var sets = BindingOf(endpoint);
        if (sets is not { } bound)
        {
            return;
        }

        Compare(endpoint, PolicyDirection.Ingress, bound.Ingress);
        Compare(endpoint, PolicyDirection.Egress, bound.Egress);
    }

    /// <summary>The sets that the target's rows of a pod name. All of them must agree.</summary>
    private PolicySets? BindingOf(JudgedEndpoint endpoint)
    {
        if (endpoint.Port is not { } port)
        {
            return null;
        }

        if (!_rows.PortSets.TryGetValue(port, out var sets))
        {
            Differ($"{endpoint.Pod} has no row in port_class: port {port}");
            return null;
        }

        foreach (var address in endpoint.Addresses)
        {
            if (!_rows.Bindings.TryGetValue(address, out var ofAddress))
            {
                if (address.IsIpv4)
                {
                    Differ($"{endpoint.Pod} has no row in pods: {address}");
                }
            }
            else if (ofAddress != sets)
            {
                Differ(
                    $"{endpoint.Pod}: the row of {address} in pods has sets {ofAddress.Egress} and {ofAddress.Ingress}, "
                    + $"that of port {port} in port_class {sets.Egress} and {sets.Ingress} (egress and ingress)");
            }
        }

        return sets;
    }

    private void Compare(JudgedEndpoint endpoint, PolicyDirection direction, uint set)
    {
        var policy = endpoint.Policy?.Of(direction);
        var facts = policy is null || endpoint.IsClosed(direction) ? null : new AskedFacts(_model, policy, direction);
        var kind = new SetKind(
            direction, set, endpoint.IsClosed(direction), endpoint.Policy?.IsActive ?? true, facts is null ? null : policy,
            OwnKindOf(endpoint, facts));
        if (!_compared.Add(kind))
        {
            return;
        }

        var (byFacts, done) = (new Dictionary<string, PolicyVerdict[]>(StringComparer.Ordinal), new HashSet<(string, uint)>());
        foreach (var (address, peerClass) in _peers)
        {
            if (!HasFamily(endpoint, address))
            {
                continue;
            }

            _cancellationToken.ThrowIfCancellationRequested();
            Points += _ports.Count;
            var fact = facts?.Of(address) ?? "";
            if (!byFacts.TryGetValue(fact, out var expected))
            {
                byFacts.Add(fact, expected = Judge(endpoint, direction, address));
            }

            if (done.Add((fact, peerClass)))
            {
                Compare(endpoint, direction, set, address, peerClass, expected);
            }
        }
    }

    private void Compare(
        JudgedEndpoint endpoint, PolicyDirection direction, uint set, PolicyAddress address, uint peerClass, PolicyVerdict[] expected)
    {
        for (var i = 0; i < _ports.Count; i++)
        {
            if (DifferenceAt(direction, set, peerClass, _ports[i].Class, expected[i]) is { } difference)
            {
                Differ(
                    $"{(direction == PolicyDirection.Ingress ? "ingress" : "egress")} of {endpoint.Pod} "
                    + $"{(direction == PolicyDirection.Ingress ? "from" : "to")} {address}, {_ports[i].Port}: {difference}");
            }
        }
    }

    private string? DifferenceAt(PolicyDirection direction, uint set, uint peerClass, uint portClass, PolicyVerdict expected)
    {
        if (set is 0 or PolicySets.PendingSet)
        {
            return expected.IsAllowed == (set == 0) ? null : Text(expected, set == 0, "", $"set {set}");
        }

        var (group, row) = _judge.Judge(direction, set, peerClass, portClass);
        var isAllowed = row?.IsAllowed ?? (group & 1) == 1;
        // Where no row decides, the target names no rule.
        var rule = row is { } verdict ? _nameOf(verdict.Rule) : "";
        var isSame = isAllowed == expected.IsAllowed && (row is null || rule == expected.Rule)
            && (row?.IsLogged ?? false) == expected.IsLogged;
        return isSame
            ? null
            : Text(expected, isAllowed, rule, $"set {set}, class {peerClass}, port class {portClass}, group {group}");
    }

    private static string Text(PolicyVerdict expected, bool isAllowed, string rule, string where) =>
        $"the policies {(expected.IsAllowed ? "allow" : "deny")} it ({expected.Rule}{(expected.IsLogged ? ", logged" : "")}), the rows "
        + $"{(isAllowed ? "allow" : "deny")} it ({(rule.Length > 0 ? $"{rule}; " : "")}{where})";

    private PolicyVerdict[] Judge(JudgedEndpoint endpoint, PolicyDirection direction, PolicyAddress address)
    {
        var verdicts = new PolicyVerdict[_ports.Count];
        var evaluator = endpoint.IsClosed(direction) || endpoint.Policy is not { } policy
            ? null
            : new EndpointEvaluator(_model, policy, direction);
        for (var i = 0; i < verdicts.Length; i++)
        {
            var port = _ports[i].Port;
            verdicts[i] = evaluator?.Judge(new PolicyPacket(address, port.Protocol, port.Port))
                ?? (endpoint.IsClosed(direction)
                    ? new PolicyVerdict(false, "the pod is closed", false)
                    : new PolicyVerdict(true, "no policy selects the pod", false));
        }

        return verdicts;
    }

    private static bool HasFamily(JudgedEndpoint endpoint, PolicyAddress address)
    {
        foreach (var own in endpoint.Addresses)
        {
            if (own.IsIpv4 == address.IsIpv4)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Equal for endpoints that no rule tells apart by their own address.</summary>
    private string OwnKindOf(JudgedEndpoint endpoint, AskedFacts? facts)
    {
        var kinds = new List<string>();
        foreach (var address in endpoint.Addresses)
        {
            var family = address.IsIpv4 ? "4" : "6";
            kinds.Add(
                facts is not { AsksOwn: true } ? family
                : facts.AsksOwnNets || !_model.Peers.TryFind(address, out var group) ? address.ToString()
                : $"{family} {string.Join(' ', group.Membership.Sets)} {string.Join(' ', group.Membership.NamedPorts)}");
        }

        return string.Join(", ", kinds);
    }

    private void Differ(string text)
    {
        Differing++;
        if (_differences.Count < MaxDifferences)
        {
            _differences.Add(text);
        }
    }

    /// <summary>Endpoints of one kind have the same points.</summary>
    private sealed record SetKind(
        PolicyDirection Direction, uint Set, bool IsClosed, bool IsActive, DirectionPolicy? Policy, string Own);
}

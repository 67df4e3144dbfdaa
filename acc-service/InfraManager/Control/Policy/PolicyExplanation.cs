using ACCOffload.InfraManager.Programming.Policy;
using ACCOffload.InfraManager.State.Policy;
using ACCOffload.InfraManager.State.Policy.Evaluation;
using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.Protos.V1;

namespace ACCOffload.InfraManager.Control.Policy;

/// <summary>
/// Judges one packet, by the evaluator and by the compiled tables, and names what decides. The time is that of the evaluator for one packet
/// of two pods.
/// </summary>
internal sealed class PolicyExplanation
{
    private const int MaxPolicies = 16;
    private const string NoRule = "no rule allows it";

    private readonly PolicyInForce _policy;
    private readonly ExplainPolicyReply _reply = new() { Allowed = true };

    private PolicyExplanation(PolicyInForce policy) => _policy = policy;

    /// <exception cref="IntentException">INVALID_ARGUMENT: names the field.</exception>
    public static ExplainPolicyReply Of(PolicyInForce policy, ExplainPolicyRequest request)
    {
        if (request.Protocol > byte.MaxValue)
        {
            throw IntentException.Invalid("protocol", $"is {request.Protocol}, not an IP protocol number (0 to 255)");
        }

        if (request.Port > ushort.MaxValue)
        {
            throw IntentException.Invalid("port", $"is {request.Port}, not 0 to 65535");
        }

        var source = PolicyParties.Find(policy, "source", request.Source);
        var destination = PolicyParties.Find(policy, "destination", request.Destination);
        return new PolicyExplanation(policy).Explain(source, destination, (byte)request.Protocol, (ushort)request.Port);
    }

    private ExplainPolicyReply Explain(PolicyEnd source, PolicyEnd destination, byte protocol, ushort port)
    {
        var (from, to) = Addresses(source, destination);
        _reply.Source = Message(source, from);
        _reply.Destination = Message(destination, to);
        if (source.Endpoint is null && destination.Endpoint is null)
        {
            throw IntentException.Invalid(
                "destination", "neither end is a pod of this node, so nothing is judged here; ask on the node of one of the pods");
        }

        if (from == to && source.Endpoint is not null)
        {
            _reply.Remarks.Add("a pod's traffic to itself is not judged, except through a service's address");
            return _reply;
        }

        Judge(source, PolicyDirection.Egress, new PolicyPacket(to, protocol, port));
        if (source.Kind == PolicyEndKind.Node && destination.Endpoint is not null)
        {
            _reply.Remarks.Add("the node always reaches its own pods: the ingress is not judged");
        }
        else
        {
            Judge(destination, PolicyDirection.Ingress, new PolicyPacket(from, protocol, port));
        }

        Remark(source, "egress");
        Remark(destination, "ingress");
        return _reply;
    }

    /// <summary>A pair of addresses of one family.</summary>
    private static (PolicyAddress From, PolicyAddress To) Addresses(PolicyEnd source, PolicyEnd destination)
    {
        foreach (var from in source.Addresses)
        {
            foreach (var to in destination.Addresses)
            {
                if (from.IsIpv4 == to.IsIpv4)
                {
                    return (from, to);
                }
            }
        }

        throw IntentException.Invalid("destination", "has no address of a family that the source has");
    }

    private static PolicyParty Message(PolicyEnd end, PolicyAddress address) =>
        new() { Pod = end.Pod, Address = address.ToString(), Kind = end.KindName, Node = end.Node };

    private void Remark(PolicyEnd end, string direction)
    {
        switch (end.Kind)
        {
            case PolicyEndKind.RemotePod:
                _reply.Remarks.Add(
                    $"the {direction} of {end.Pod} is judged on its own node{(end.Node.Length > 0 ? $", {end.Node}" : "")}, not here");
                break;
            case PolicyEndKind.UnknownPod:
                _reply.Remarks.Add(
                    $"{end.Addresses[0]} is in a pod range, and no pod with it is known: it matches no allow by selector, and every deny");
                break;
        }
    }

    private void Judge(PolicyEnd end, PolicyDirection direction, PolicyPacket packet)
    {
        if (end.Endpoint is not { } attachment)
        {
            return;
        }

        var key = PolicyBindings.KeyOf(attachment.Spec);
        var verdict = new DirectionVerdict
        {
            Direction = PolicyWords.Of(direction),
            Pod = key,
            Allowed = true,
            Set = _policy.SetOf(attachment, direction),
            Closed = _policy.ClosedBecause(attachment, direction),
        };
        _reply.Verdicts.Add(verdict);
        if (_policy.PolicyOf(attachment) is not { } endpoint)
        {
            verdict.Rule = "no policy selects the pod";
        }
        else
        {
            Judge(verdict, key, endpoint, direction, packet);
        }

        verdict.Allowed &= verdict.Closed.Length == 0;
        _reply.Allowed &= verdict.Allowed;
    }

    private void Judge(
        DirectionVerdict verdict, string key, EndpointPolicy endpoint, PolicyDirection direction, PolicyPacket packet)
    {
        var compiler = _policy.Compiler;
        var expected = PolicyEvaluator.Judge(compiler.Model, endpoint, direction, packet);
        var row = compiler.Judge(key, direction, packet);
        var byRows = row is null
            ? new PolicyVerdict(true, DirectionPolicy.DefaultRule, false)
            : new PolicyVerdict(
                row.Verdict.IsAllowed, compiler.Rules[row.Verdict.Rule], row.Verdict.IsLogged, compiler.Rules[row.Verdict.WouldDrop]);
        if (compiler.Unresolved.Contains(key))
        {
            // Its tables are those of the last policy that was complete, on purpose.
            _reply.Remarks.Add(
                $"{key} refers to {compiler.Model.MissingReference(endpoint)}, which is not known: its former rules stay in force");
            expected = byRows;
        }
        else if (row is null ? !expected.IsAllowed : expected != byRows)
        {
            _reply.Disagreement =
                $"the {verdict.Direction} of {key}: the policies say {Text(expected)}, the tables say {Text(byRows)}";
        }

        verdict.Allowed = expected.IsAllowed;
        verdict.Logged = expected.IsLogged;
        verdict.WouldDrop = expected.WouldDrop;
        if (row is not null)
        {
            var numbers = _policy.Bindings.Numbers;
            verdict.PeerClass = numbers.Peer(row.PeerClass);
            verdict.PortClass = numbers.Port(row.PortClass);
            verdict.Group = numbers.Group(row.Group);
        }

        Name(verdict, endpoint.Of(direction), expected);
    }

    private void Name(DirectionVerdict verdict, DirectionPolicy policy, PolicyVerdict expected)
    {
        verdict.Rule = expected.Rule;
        if (policy.IsUnrestricted)
        {
            verdict.Rule = "no policy selects the pod in this direction";
            return;
        }

        foreach (var tier in policy.Tiers)
        {
            if (expected.IsAllowed || expected.Rule != tier.DefaultRule)
            {
                continue;
            }

            verdict.Rule = NoRule;
            foreach (var id in tier.Policies)
            {
                if (_policy.Compiler.Model.Policies.TryGetValue(id, out var isolating) && isolating.IsStaged)
                {
                    continue;
                }

                if (verdict.IsolatedBy.Count < MaxPolicies)
                {
                    verdict.IsolatedBy.Add(KubernetesPolicies.NameOf(id));
                }
                else
                {
                    verdict.IsolatedByLeftOut++;
                }
            }
        }
    }

    private static string Text(PolicyVerdict verdict) =>
        $"{(verdict.IsAllowed ? "allowed" : "denied")} by \"{verdict.Rule}\"{(verdict.IsLogged ? ", logged" : "")}"
        + (verdict.WouldDrop.Length > 0 ? $", \"{verdict.WouldDrop}\" would drop" : "");
}

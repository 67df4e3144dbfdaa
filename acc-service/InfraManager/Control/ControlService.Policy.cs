using System.Net.Sockets;
using ACCOffload.InfraManager.Conditions;
using ACCOffload.InfraManager.Control.Policy;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.Protos.V1;
using Grpc.Core;

namespace ACCOffload.InfraManager.Control;

/// <content>What operators ask about network policy.</content>
internal sealed partial class ControlService
{
    private const int MaxBackends = 8;

    private int _isComparing;

    public override Task<GetPolicyReply> GetPolicy(GetPolicyRequest request, ServerCallContext context) =>
        guard.RunAsync(context, async () =>
        {
            var reply = new GetPolicyReply();
            await counters.RefreshAsync(context.CancellationToken);
            if (request.Pod.Length == 0)
            {
                var status = core.Status;
                reply.Summary = status.Policy.IsOn
                    ? await core.AskPolicyAsync(PolicySummaries.Of, context.CancellationToken)
                    : new PolicySummary();
                PolicySummaries.Add(reply.Summary, status, node, target.Pipeline.Tables);
                var watched = watch?.GetStatus().Policy;
                var condition = PolicyCondition.Of(status.Policy, watched?.Problem ?? "", node.Profile);
                reply.Summary.Problem = condition.Reason;
                reply.Summary.NotEnforceable = (uint)(watched?.NotEnforceable ?? 0);
                reply.Summary.Reasons.AddRange(watched?.Reasons ?? []);
                if (status.Policy.IsOn)
                {
                    PolicyPackets.Add(reply.Summary, counters, time);
                }

                return reply;
            }

            (reply.Pod, var packets) = await core.AskPolicyAsync(
                policy => policy.FindPod(request.Pod) is { } endpoint
                    ? (PolicyDescription.Of(policy, endpoint), PolicyPackets.Of(policy, endpoint))
                    : throw new RpcException(new Status(StatusCode.NotFound, NoPod(
                        request.Pod, PolicyParties.Find(policy, "pod", request.Pod)))),
                context.CancellationToken);
            packets.AddTo(reply.Pod, counters);
            var view = core.Endpoints.FirstOrDefault(e => $"{e.Endpoint.Spec.PodNamespace}/{e.Endpoint.Spec.PodName}" == request.Pod);
            reply.Pod.State = view is { Programmed: true } ? "programmed" : "pending";
            return reply;
        });

    public override Task<ExplainPolicyReply> ExplainPolicy(ExplainPolicyRequest request, ServerCallContext context) =>
        guard.RunAsync(context, () =>
        {
            RefuseService("source", request.Source);
            RefuseService("destination", request.Destination);
            return core.AskPolicyAsync(policy => PolicyExplanation.Of(policy, request), context.CancellationToken);
        });

    public override Task<VerifyPolicyReply> VerifyPolicy(VerifyPolicyRequest request, ServerCallContext context) =>
        guard.RunAsync(context, () => AloneAsync(
            () => new PolicyVerification(core, target, node).RunAsync(context.CancellationToken)));

    public override Task<TryPolicyReply> TryPolicy(TryPolicyRequest request, ServerCallContext context) =>
        guard.RunAsync(context, async () =>
        {
            var policies = PolicyFile.Read([.. request.Documents.Select(d => d.Memory)]);
            var trial = await core.AskPolicyAsync(PolicyTrial.Of, context.CancellationToken);
            var reply = await AloneAsync(async () =>
            {
                // Seconds of work: not on the thread of a connection.
                var (answer, flows) = await Task.Run(
                    () => trial.Run([.. policies.Select(p => (p.Key, p.Record))], context.CancellationToken), context.CancellationToken);
                await AddCutFlowsAsync(answer, flows, context.CancellationToken);
                return answer;
            });
            reply.Policies.AddRange(policies.Select(p => p.Key.ToString()));
            reply.Remarks.AddRange(policies.Where(p => p.Problem.Length > 0).Select(p => $"not enforceable as written: {p.Problem}"));
            return reply;
        });

    /// <summary>Does what needs much memory, one at a time.</summary>
    /// <exception cref="IntentException">RESOURCE_EXHAUSTED: another is running.</exception>
    private async Task<T> AloneAsync<T>(Func<Task<T>> work)
    {
        if (Interlocked.Exchange(ref _isComparing, 1) != 0)
        {
            throw new IntentException(
                IntentError.ResourceExhausted, "another verification or trial of policy is running; try again when it has ended");
        }

        try
        {
            return await work();
        }
        finally
        {
            Volatile.Write(ref _isComparing, 0);
        }
    }

    /// <summary>Notes in a trace what the numbers of policy stand for, or why that is not known.</summary>
    private async Task NameRulesAsync(TraceReply trace, CancellationToken cancellationToken)
    {
        if (!TraceRules.AreAskedBy(trace))
        {
            return;
        }

        List<string> notes;
        try
        {
            notes = await core.AskPolicyAsync(policy => TraceRules.NotesOf(trace, policy), cancellationToken);
        }
        catch (IntentException e)
        {
            notes = [.. trace.Steps.Select(s => s.Table == "verdicts" ? $"the rule's name is not available: {e.Message}" : "")];
        }

        for (var i = 0; i < notes.Count; i++)
        {
            var step = trace.Steps[i];
            step.Note = step.Note.Length == 0 || notes[i].Length == 0 ? step.Note + notes[i] : $"{step.Note}; {notes[i]}";
        }
    }

    private static string NoPod(string pod, PolicyEnd end) => end.Node.Length > 0
        ? $"pod {pod} is on node {end.Node}, which enforces its policy; ask there"
        : $"pod {pod} is not attached to this node";

    /// <summary>Policy never sees a service's address.</summary>
    private void RefuseService(string field, string text)
    {
        if (!IpText.TryParse(text, out var address))
        {
            return;
        }

        foreach (var (key, service) in core.Services)
        {
            // The node's own addresses are frontends of node ports and host ports, and real peers, too.
            var ports = service.State.Spec.Ports.Where(p => p.Frontends.Any(
                f => f.Address.Equals(address) && f.Kind is not (FrontendKind.NodePort or FrontendKind.HostPort))).ToList();
            if (ports.Count == 0)
            {
                continue;
            }

            var backends = ports.SelectMany(p => p.Backends.Select(b => $"{b.Address} {NameOf(p.Protocol)}/{b.Port}")).Distinct().ToList();
            throw IntentException.Invalid(
                field,
                $"{address} is an address of service {key}: policy judges the backend that is chosen, never the service's address; "
                + (backends.Count == 0
                    ? "the service has no backend"
                    : $"ask about a backend: {string.Join(", ", backends.Take(MaxBackends))}"
                        + (backends.Count > MaxBackends ? $" and {backends.Count - MaxBackends} more" : "")));
        }
    }

    private static string NameOf(ProtocolType protocol) => Transport.NameOf(protocol).ToLowerInvariant();
}

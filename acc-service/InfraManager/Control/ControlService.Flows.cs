using ACCOffload.InfraManager.Control.Flows;
using ACCOffload.InfraManager.Control.Policy;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.P4Runtime.Channels;
using ACCOffload.Protos.V1;
using Grpc.Core;

namespace ACCOffload.InfraManager.Control;

/// <content>The flows that the pipeline tracks.</content>
internal sealed partial class ControlService
{
    private const int MaxFlows = 10_000;
    private const int MaxCutFlows = 64;

    public override Task<ListFlowsReply> ListFlows(ListFlowsRequest request, ServerCallContext context) =>
        guard.RunAsync(context, async () =>
        {
            if (request.Limit is 0 or > MaxFlows)
            {
                throw IntentException.Invalid("limit", $"{request.Limit} is outside 1..{MaxFlows}");
            }

            var names = await FlowNames.OfAsync(core, context.CancellationToken);
            var wanted = request.Pod.Length == 0 ? null : names.AddressesOf(request.Pod);
            var first = new FirstFlows((int)request.Limit);
            await ReadFlowsAsync(
                flow =>
                {
                    if (wanted is null || wanted.Contains(flow.Client.Address) || wanted.Contains(flow.Backend.Address))
                    {
                        first.Add(flow);
                    }
                },
                context.CancellationToken);
            var reply = new ListFlowsReply { LeftOut = (ulong)first.LeftOut };
            reply.Flows.AddRange(first.Flows.Select(names.Describe));
            return reply;
        });

    /// <summary>Adds the live flows that the changed policies would cut, or why they are not known.</summary>
    private async Task AddCutFlowsAsync(TryPolicyReply reply, FlowTrial trial, CancellationToken cancellationToken)
    {
        var names = await FlowNames.OfAsync(core, cancellationToken);
        var cut = new FirstFlows(MaxCutFlows);
        try
        {
            await ReadFlowsAsync(
                flow =>
                {
                    reply.Flows++;
                    if (!names.IsGone(flow) && trial.Judge(flow) is not null)
                    {
                        cut.Add(flow);
                    }
                },
                cancellationToken);
        }
        catch (RpcException e)
        {
            reply.FlowsProblem = e.Status.Detail;
            reply.Flows = 0;
            return;
        }

        if (trial.Untracked > 0)
        {
            reply.Remarks.Add(
                $"no policy selects {trial.Untracked} of the changed pods now, and of such pods only flows with services or isolated pods "
                + "are tracked: others may be cut without being listed");
        }

        reply.CutFlowsLeftOut = (ulong)cut.LeftOut;
        foreach (var flow in cut.Flows)
        {
            var why = trial.Judge(flow)!;
            reply.CutFlows.Add(new CutFlow
            {
                Flow = names.Describe(flow),
                Pod = why.Pod,
                Direction = PolicyWords.Of(why.Direction),
                RuleBefore = why.RuleBefore,
                RuleAfter = why.RuleAfter,
            });
        }
    }

    /// <summary>Hands over all flows, one by one.</summary>
    /// <exception cref="RpcException">FAILED_PRECONDITION: this target can never list them; otherwise, it cannot now.</exception>
    private async Task ReadFlowsAsync(Action<LiveFlow> take, CancellationToken cancellationToken)
    {
        var pipeline = target.Pipeline;
        if (pipeline.Tables.Count == 0)
        {
            throw new RpcException(
                new Status(StatusCode.Unavailable, $"the target's pipeline is not known yet: {core.Status.TargetReason}"));
        }

        if (FlowTable.Of(pipeline) is not { } table)
        {
            throw new RpcException(new Status(
                StatusCode.FailedPrecondition, $"live flows cannot be listed: the pipeline {target.PipelineName} has no table of them"));
        }

        try
        {
            await foreach (var flow in table.ReadAsync(target, cancellationToken))
            {
                take(flow);
            }
        }
        catch (P4RuntimeException e)
        {
            var code = e.Code == StatusCode.Unimplemented ? StatusCode.FailedPrecondition : e.Code;
            throw new RpcException(new Status(code, $"live flows cannot be listed: {e.Message}"));
        }
    }
}

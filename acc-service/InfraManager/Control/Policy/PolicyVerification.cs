using System.Diagnostics;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Policy;
using ACCOffload.InfraManager.State.Policy.Classes;
using ACCOffload.InfraManager.State.Policy.Points;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Target;
using ACCOffload.P4Runtime.Channels;
using ACCOffload.Protos.V1;
using Grpc.Core;

namespace ACCOffload.InfraManager.Control.Policy;

/// <summary>
/// Reads the rows of policy back and compares them with the policies on every point. What it compares is a snapshot, so the programmer goes
/// on; if it changes policy meanwhile, the comparison begins again.
/// </summary>
internal sealed class PolicyVerification(IProgrammer core, ITargetView target, NodeSettings node)
{
    private const int MaxAttempts = 4;
    private const string PortTable = "port_class";

    /// <exception cref="RpcException">The target cannot be read, or is not ready; or policy changes all the time.</exception>
    /// <exception cref="IntentException">Policy is off.</exception>
    public async Task<VerifyPolicyReply> RunAsync(CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        for (var attempt = 1; attempt <= MaxAttempts; attempt++)
        {
            var snapshot = await core.AskPolicyAsync(PolicySnapshot.Of, cancellationToken);
            if (!snapshot.IsReady)
            {
                throw new RpcException(new Status(
                    StatusCode.Unavailable, $"the target is not ready, so nothing can be compared: {core.Status.TargetReason}"));
            }

            var (rows, count, isForwarded) = await ReadAsync(cancellationToken);
            var revision = await core.AskPolicyAsync(policy => policy.IsReady ? policy.Revision : -1, cancellationToken);
            if (revision == snapshot.Revision)
            {
                // Seconds of work: not on the thread of a connection.
                var reply = await Task.Run(() => Compare(snapshot, rows, isForwarded, cancellationToken), cancellationToken);
                reply.Rows = count;
                reply.Seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
                return reply;
            }
        }

        throw new RpcException(new Status(
            StatusCode.Aborted, $"the policies changed while the target was read, {MaxAttempts} times in a row; try again later"));
    }

    private async Task<(PolicyTargetRows Rows, ulong Count, Func<PolicyAddress, bool> IsForwarded)> ReadAsync(
        CancellationToken cancellationToken)
    {
        var pipeline = target.Pipeline;
        var compiler = pipeline.Tables.Count == 0
            ? throw new RpcException(new Status(StatusCode.Unavailable, "the target's pipeline is not known yet"))
            : node.Profile.CreateCompiler(pipeline, node);
        var rows = new PolicyTargetRows();
        var count = 0ul;
        var order = node.Profile.Order;
        foreach (var table in pipeline.Tables)
        {
            if (!order.IsPolicyTable(table) && !order.IsPodRoute(table) && table.Alias != PortTable)
            {
                continue;
            }

            try
            {
                await foreach (var entry in target.ReadTableAsync(table, cancellationToken))
                {
                    compiler.ReadPolicy(entry, rows);
                    count += order.IsPolicyTable(table) ? 1ul : 0;
                }
            }
            catch (P4RuntimeException e)
            {
                throw new RpcException(new Status(e.Code, $"table {table.Alias} cannot be read from the target: {e.Message}"));
            }
        }

        var numbers = new PolicyNumbering();
        return (rows, count, address => compiler.CompilePolicy(new PeerRow(address, 0), numbers) is not null);
    }

    private static VerifyPolicyReply Compare(
        PolicySnapshot snapshot, PolicyTargetRows rows, Func<PolicyAddress, bool> isForwarded, CancellationToken cancellationToken)
    {
        var comparison = new TargetComparison(
            snapshot.Model, number => snapshot.Rules.GetValueOrDefault(number, $"rule {number}, which does not exist"), rows, isForwarded,
            cancellationToken);
        var reply = new VerifyPolicyReply();
        foreach (var endpoint in snapshot.Endpoints)
        {
            if (endpoint.Port is null)
            {
                reply.PodsWithoutPort++;
            }
            else if (endpoint.KeepsFormer)
            {
                reply.PodsUnresolved++;
            }
            else
            {
                comparison.Compare(endpoint);
                reply.Pods++;
            }
        }

        reply.Sets = (uint)comparison.Sets;
        reply.Peers = (uint)comparison.Peers;
        reply.Ports = (uint)comparison.Ports;
        reply.Points = (ulong)comparison.Points;
        reply.Differing = (ulong)comparison.Differing;
        reply.Differences.AddRange(comparison.Differences);
        return reply;
    }
}

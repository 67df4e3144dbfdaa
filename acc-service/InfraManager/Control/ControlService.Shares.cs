using System.Buffers.Binary;
using ACCOffload.InfraManager.ControlProtocol;
using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Schema;
using ACCOffload.P4Runtime.Session;
using ACCOffload.Protos.V1;
using Grpc.Core;

namespace ACCOffload.InfraManager.Control;

/// <content>The share of the learned tables that each port uses.</content>
internal sealed partial class ControlService
{
    public override Task<ListSharesReply> ListShares(ListSharesRequest request, ServerCallContext context) =>
        guard.RunAsync(context, async () =>
        {
            var reply = new ListSharesReply();
            var pipeline = target.Pipeline;
            if (pipeline.Tables.Count == 0)
            {
                throw new RpcException(
                    new Status(StatusCode.Unavailable, $"the target's pipeline is not known yet: {core.Status.TargetReason}"));
            }

            var registers =
                ShareKind.All.Select(k => pipeline.Registers.FirstOrDefault(r => r.Alias == k.Register)).OfType<RegisterSchema>().ToList();
            if (registers.Count < ShareKind.All.Count)
            {
                reply.Problem = $"the pipeline {target.PipelineName} does not count shares";
                return reply;
            }

            var counts = new List<IReadOnlyDictionary<long, uint>>();
            foreach (var register in registers)
            {
                try
                {
                    var cells = await target.ReadRegistersAsync(register, context.CancellationToken);
                    counts.Add(cells.ToDictionary(c => c.Index, c => ToNumber(register, c)));
                }
                catch (P4RuntimeException e) when (e.Code == StatusCode.Unimplemented)
                {
                    reply.Problem = $"cannot read shares: {e.Message}";
                    return reply;
                }
                catch (P4RuntimeException e)
                {
                    throw new RpcException(new Status(e.Code, $"register {register.Alias} cannot be read from the target: {e.Message}"));
                }
            }

            var counted = registers.Min(r => r.Size);
            // Endpoints behind one port share its counts.
            var ports = core.Endpoints.Select(ToInfo).GroupBy(e => (e.HasPort, e.Port, e.HasPort ? "" : e.PortName))
                .Select(p => ToShares([.. p], counts, counted));
            reply.Ports.AddRange(ports.OrderByDescending(MaxUsage)
                .ThenBy(p => p.Endpoints[0].Port).ThenBy(p => p.Endpoints[0].PortName, StringComparer.Ordinal));
            return reply;
        });

    private static PortShares ToShares(IReadOnlyList<EndpointInfo> endpoints, List<IReadOnlyDictionary<long, uint>> counts, int counted)
    {
        var port = new PortShares();
        port.Endpoints.AddRange(endpoints);
        var (first, isPod) = (endpoints[0], endpoints.Any(e => e.Kind == "pod"));
        if (!first.HasPort || first.Port >= counted)
        {
            return port;
        }

        port.Shares.AddRange(ShareKind.All.Select((kind, i) => new Share
        {
            Kind = kind.Name,
            Count = counts[i].TryGetValue(first.Port, out var count)
                ? count
                : throw new RpcException(new Status(
                    StatusCode.DataLoss, $"register {kind.Register}: the target returned no cell for port {first.Port}")),
            Limit = isPod ? kind.PodLimit : kind.NodeLimit,
            Period = kind.Period,
        }));
        return port;
    }

    private static double MaxUsage(PortShares port) => port.Shares.Select(s => (double)s.Count / s.Limit).DefaultIfEmpty(-1).Max();

    private static uint ToNumber(RegisterSchema register, RegisterCell cell)
    {
        var digits = cell.Value.Span.TrimStart((byte)0);
        if (digits.Length > sizeof(uint))
        {
            throw new P4RuntimeException(
                StatusCode.DataLoss, $"register {register.Alias}: the value at index {cell.Index} is longer than {register.BitWidth} bits");
        }

        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        bytes.Clear();
        digits.CopyTo(bytes[^digits.Length..]);
        return BinaryPrimitives.ReadUInt32BigEndian(bytes);
    }
}

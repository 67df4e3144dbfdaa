using System.Buffers.Binary;
using ACCOffload.InfraManager.ControlProtocol;
using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Schema;
using ACCOffload.P4Runtime.Session;
using ACCOffload.Protos.V1;
using Grpc.Core;

namespace ACCOffload.InfraManager.Control;

/// <content>How much of the learned tables each port holds.</content>
internal sealed partial class ControlService
{
    public override Task<ListSharesReply> ListShares(ListSharesRequest request, ServerCallContext context) => guard.RunAsync(context, async () =>
    {
        var reply = new ListSharesReply();
        var pipeline = target.Pipeline;
        if (pipeline.Tables.Count == 0)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, $"the target's pipeline is not known yet: {core.Status.TargetReason}"));
        }

        var registers = ShareKind.All.Select(k => pipeline.Registers.FirstOrDefault(r => r.Alias == k.Register)).OfType<RegisterSchema>().ToList();
        if (registers.Count < ShareKind.All.Count)
        {
            reply.Problem = $"shares are not counted by the pipeline {target.PipelineName}";
            return reply;
        }

        var counts = new List<IReadOnlyDictionary<long, uint>>();
        foreach (var register in registers)
        {
            try
            {
                counts.Add((await target.ReadRegistersAsync(register, context.CancellationToken)).ToDictionary(c => c.Index, c => NumberOf(register, c)));
            }
            catch (P4RuntimeException e) when (e.Code == StatusCode.Unimplemented)
            {
                reply.Problem = $"shares can't be read: {e.Message}";
                return reply;
            }
            catch (P4RuntimeException e)
            {
                throw new RpcException(new Status(e.Code, $"register {register.Alias} cannot be read from the target: {e.Message}"));
            }
        }

        var counted = registers.Min(r => r.Size);
        // Endpoints behind one port have one count.
        var ports = core.Endpoints.Select(ToInfo).GroupBy(e => (e.HasPort, e.Port, e.HasPort ? "" : e.PortName)).Select(p => ToShares([.. p], counts, counted));
        reply.Ports.AddRange(ports.OrderByDescending(Fullness).ThenBy(p => p.Endpoints[0].Port).ThenBy(p => p.Endpoints[0].PortName, StringComparer.Ordinal));
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
                : throw new RpcException(new Status(StatusCode.DataLoss, $"register {kind.Register} was read from the target without the cell of port {first.Port}")),
            Limit = isPod ? kind.PodLimit : kind.NodeLimit,
            Period = kind.Period,
        }));
        return port;
    }

    private static double Fullness(PortShares port) => port.Shares.Select(s => (double)s.Count / s.Limit).DefaultIfEmpty(-1).Max();

    private static uint NumberOf(RegisterSchema register, RegisterCell cell)
    {
        var digits = cell.Value.Span.TrimStart((byte)0);
        if (digits.Length > sizeof(uint))
        {
            throw new P4RuntimeException(StatusCode.DataLoss, $"index {cell.Index} of register {register.Alias} is longer than {register.BitWidth} bits");
        }

        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        bytes.Clear();
        digits.CopyTo(bytes[^digits.Length..]);
        return BinaryPrimitives.ReadUInt32BigEndian(bytes);
    }
}

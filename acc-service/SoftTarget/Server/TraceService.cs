using ACCOffload.NativeInterop.Packets;
using ACCOffload.Protos.V1;
using ACCOffload.SoftTarget.Engine;
using ACCOffload.SoftTarget.Ports;
using ACCOffload.SoftTarget.Server.Bind;
using ACCOffload.SoftTarget.Server.Wire;
using Google.Protobuf;
using Grpc.Core;

namespace ACCOffload.SoftTarget.Server;

/// <summary>Traces how a packet would be processed, without sending it, counting it or learning from it.</summary>
internal sealed class TraceService(SoftDevice device, PortTable ports, SoftTargetOptions options) : Protos.V1.SoftTarget.SoftTargetBase
{
    private const int Headroom = 256;
    private const int MaxFrame = PacketBatch.DefaultFrameSize;

    /// <inheritdoc/>
    public override Task<TraceReply> Trace(TraceRequest request, ServerCallContext context)
    {
        if (request.Packet.Length is 0 or > MaxFrame)
        {
            throw Outcome.Invalid($"packet has {request.Packet.Length} bytes, expected 1 to {MaxFrame}").ToException();
        }

        if (device.State is not { } state)
        {
            throw Outcome.Precondition("no pipeline is running; send SetForwardingPipelineConfig first").ToException();
        }

        var buffer = new byte[Headroom + MaxFrame + Headroom];
        var offset = Headroom;
        var length = request.Packet.Length;
        request.Packet.Span.CopyTo(buffer.AsSpan(offset));
        var steps = new StepCollector(state.Bound);

        // Use a separate worker, so that a trace does not need the data-plane thread.
        using var worker = state.Engine.CreateWorker();
        var verdict = worker.Trace(buffer, ref offset, ref length, request.Port, out var outPort, steps);
        var reply = new TraceReply { Fate = Fate(verdict, outPort) };
        reply.Steps.Add(steps.Steps);
        if (verdict == SwxVerdict.Transmit)
        {
            reply.OutPort = outPort;
            reply.OutPortName = ports.Ports.Values.FirstOrDefault(p => p.Id == outPort)?.Name ?? "";
            reply.OutPacket = ByteString.CopyFrom(buffer, offset, length);
        }
        else
        {
            reply.DropReason = DropReason(state.Bound, steps);
        }

        return Task.FromResult(reply);
    }

    private string Fate(SwxVerdict verdict, uint port)
        => verdict != SwxVerdict.Transmit ? "dropped" : port == options.CpuPort ? "controller" : "sent";

    /// <summary>The last counter cell that counted the packet, by its P4Info name: NAME[INDEX].</summary>
    private static string DropReason(BoundPipeline bound, StepCollector steps)
    {
        foreach (var counter in bound.Counters.Values)
        {
            var packets = counter.Packets == BoundCounter.None ? null : bound.Program.RegisterArrays[counter.Packets].Name;
            if (packets is not null && packets == steps.LastCounted)
            {
                return $"{counter.Name}[{steps.LastIndex}]";
            }
        }

        return "";
    }

    private sealed class StepCollector(BoundPipeline bound) : ISwxTraceSink
    {
        private readonly HashSet<string> _direct = [.. bound.Tables.Values
            .SelectMany(t => new[] { t.DirectCounter?.Packets, t.DirectCounter?.Bytes })
            .Where(array => array is not null and not BoundCounter.None)
            .Select(array => bound.Program.RegisterArrays[array!.Value].Name)];

        public List<TraceStep> Steps { get; } = [];

        public string? LastCounted { get; private set; }

        public ulong LastIndex { get; private set; }

        public void OnStep(SwxTraceStep step)
        {
            switch (step)
            {
                case SwxTableStep table:
                    Steps.Add(Named(table));
                    break;
                case SwxNoteStep note:
                    if (note.Kind == "count")
                    {
                        // A direct counter adds no information to the table's step.
                        if (_direct.Contains(note.Subject))
                        {
                            break;
                        }

                        (LastCounted, LastIndex) = (note.Subject, note.Value);
                    }
                    Steps.Add(new TraceStep { Note = note.Text });
                    break;
            }
        }

        /// <summary>A table's step with P4Info's names: the compiler uses its own names and key order.</summary>
        private TraceStep Named(SwxTableStep step)
        {
            var reply = new TraceStep { Table = step.Table, Hit = step.Hit, Action = step.Action };
            reply.Params.Add(step.Arguments.Select(Value));
            var program = bound.Program;
            var table = bound.Tables.Values.FirstOrDefault(
                t => (t.IsLearner ? program.Learners[t.Engine].Name : program.Tables[t.Engine].Name) == step.Table);
            if (table is null || table.Fields.Length != step.Key.Count)
            {
                reply.Key.Add(step.Key.Select(Value));
                return reply;
            }
            reply.Table = table.Name;
            if (program.FindAction(step.Action) is { } action && table.FindEngineAction(action.Index) is { } named)
            {
                reply.Action = named.Action.Name;
            }

            var names = table.Fields.OrderBy(f => f.Offset).Select(f => f.Name);
            reply.Key.Add(step.Key.Zip(names, (value, name) => Value(value with { Name = name })));
            return reply;
        }

        private static NamedValue Value(SwxTraceValue value)
            => new() { Name = value.Name, Value = "0x" + Convert.ToHexStringLower(value.Value) };
    }
}

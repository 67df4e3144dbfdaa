using System.Buffers;
using ACCOffload.Fuzz.Tests.Engine;
using ACCOffload.P4Wire;
using ACCOffload.Protos.Tdi;
using ACCOffload.SoftTarget.Engine;
using ACCOffload.SoftTarget.Server.Bind;
using ACCOffload.SoftTarget.Server.State;
using ACCOffload.SoftTarget.Server.Wire;
using Google.Protobuf;
using P4.Config.V1;
using P4.V1;

namespace ACCOffload.Fuzz.Tests.P4;

/// <summary>
/// WriteRequests to the soft target: compares the hand-written decoder with protobuf's. A request that both accept must have the same
/// effect as its re-serialization by protobuf; a request rejected as malformed must change nothing.
/// </summary>
internal sealed class RequestTarget() : FuzzTarget("p4-requests")
{
    public override int EpisodeLength => 1000;

    public override FuzzSession Start(Dice dice) => new Requests();

    private sealed class Requests : FuzzSession
    {
        private static readonly string Folder = System.IO.Path.Combine(AppContext.BaseDirectory, "Pipelines");
        private static readonly P4Info Info = P4Info.Parser.ParseFrom(File.ReadAllBytes($"{Folder}/conformance.p4info.bin"));
        private static readonly BoundPipeline Bound = PipelineBinder.Bind(new ForwardingPipelineConfig
        {
            P4Info = Info,
            P4DeviceConfig = new PipelineConfig
            {
                P4Name = "fuzz",
                Profiles =
                {
                    new Profile
                    {
                        ProfileName = "pipe",
                        Context = ByteString.CopyFrom(File.ReadAllBytes($"{Folder}/conformance.context.json")),
                        Binary = ByteString.CopyFrom(File.ReadAllBytes($"{Folder}/conformance.spec")),
                    },
                },
            }.ToByteString(),
        });

        private readonly PipelineState _raw = new(Bound, new SwxPipeline(Bound.Program));
        private readonly PipelineState _normal = new(Bound, new SwxPipeline(Bound.Program));
        private byte[] _bytes = [];
        private int _steps;

        public override string Describe() => Convert.ToHexString(_bytes);

        public override bool Step(Dice dice)
        {
            var bytes = RequestMessages.Write(dice, Info).ToByteArray();
            _bytes = dice.OneIn(4) ? bytes : ProtoMutator.Mutate(dice, bytes, RequestMessages.Write(dice, Info).ToByteArray());
            byte[]? normal = null;
            try
            {
                normal = WriteRequest.Parser.WithDiscardUnknownFields(true).ParseFrom(_bytes).ToByteArray();
            }
            catch (InvalidProtocolBufferException)
            {
                // Protobuf rejects it: our decoder may only accept it if the error is in a part that it skips.
            }

            var version = _raw.Engine.Version;
            var outcome = Run(_raw, _bytes);
            if (outcome is null)
            {
                FuzzFailure.Unless(_raw.Engine.Version == version, "a malformed request changed the tables");
                // Decoders may differ for overlong varints and tags of more than 32 bits.
                FuzzFailure.Unless(normal is null || !Canonical.IsSame(_bytes, normal)
                    || Run(new PipelineState(Bound, new SwxPipeline(Bound.Program)), normal) is null,
                    "rejected a request that protobuf accepts");
                return false;
            }

            // Requests that protobuf rejects or does not reproduce (see Canonical) are not compared. The other target gets the raw bytes
            // then, so that both stay in step.
            var again = Run(_normal, normal is not null && Canonical.IsSame(_bytes, normal) ? normal : _bytes);
            FuzzFailure.Unless(again == outcome, $"outcomes differ:\n{outcome}\n{again}");
            if (++_steps % 50 == 0)
            {
                FuzzFailure.Unless(Read(_raw) == Read(_normal), "tables differ");
            }

            return outcome.Length == 0;
        }

        /// <summary>The outcomes, empty on success; null if the request was rejected as malformed.</summary>
        private static string? Run(PipelineState state, byte[] bytes)
        {
            using var frame = new WriteFrame(new ReadOnlySequence<byte>(bytes));
            try
            {
                var updates = frame.Decode();
                return string.Join('\n', WriteBatch.Apply(state, frame, updates) ?? []);
            }
            catch (WireException)
            {
                return null;
            }
        }

        private static string Read(PipelineState state)
        {
            using var batch = ReadBatch.Take(state, new ReadRequest
            {
                Entities = { new Entity { TableEntry = new TableEntry() }, new Entity { ActionProfileMember = new ActionProfileMember() },
                    new Entity { ActionProfileGroup = new ActionProfileGroup() } },
            });
            using var chunk = new ReadChunk();
            var entities = new List<string>();
            foreach (var section in batch.Sections)
            {
                chunk.Fill(section);
            }

            entities.AddRange(ReadResponse.Parser.ParseFrom(chunk.Bytes).Entities.Select(e => Convert.ToHexString(e.ToByteArray())));
            return string.Join('\n', entities.Order());
        }
    }
}

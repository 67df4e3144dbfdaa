using System.Buffers;
using ACCOffload.Fuzz.Engine;
using ACCOffload.Protos.Tdi;
using ACCOffload.SoftTarget.Engine;
using ACCOffload.SoftTarget.Server.Bind;
using ACCOffload.SoftTarget.Server.State;
using ACCOffload.SoftTarget.Server.Wire;
using ACCOffload.P4Wire;
using Google.Protobuf;
using P4.Config.V1;
using P4.V1;

namespace ACCOffload.Fuzz.P4;

/// <summary>
/// WriteRequests into the soft target. The hand-written decoder against protobuf's own: what both accept does the same on two targets as when
/// protobuf has written it anew; what is refused as malformed changes nothing.
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
                // Then ours may be content only where it did not look.
            }

            var version = _raw.Engine.Version;
            var outcome = Run(_raw, _bytes);
            if (outcome is null)
            {
                FuzzFailure.Unless(_raw.Engine.Version == version, "malformed, but the tables changed");
                // A number of more bytes than it needs, or a tag of more than 32 bits, may be read by the one and refused by the other.
                FuzzFailure.Unless(normal is null || !Canonical.IsSame(_bytes, normal) || Run(new PipelineState(Bound, new SwxPipeline(Bound.Program)), normal) is null, "refused what protobuf takes");
                return false;
            }

            // What protobuf refuses, or writes shorter (of a field that comes twice it takes the last, we the first), is not compared with it; the
            // other target has to get the same all the same, or the two drift apart.
            var again = Run(_normal, normal is not null && Canonical.IsSame(_bytes, normal) ? normal : _bytes);
            FuzzFailure.Unless(again == outcome, $"outcomes differ:\n{outcome}\n{again}");
            if (++_steps % 50 == 0)
            {
                FuzzFailure.Unless(Read(_raw) == Read(_normal), "tables differ");
            }

            return outcome.Length == 0;
        }

        /// <summary>The outcomes, nothing when all is well; null if the request was refused as malformed.</summary>
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
                Entities = { new Entity { TableEntry = new TableEntry() }, new Entity { ActionProfileMember = new ActionProfileMember() }, new Entity { ActionProfileGroup = new ActionProfileGroup() } },
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

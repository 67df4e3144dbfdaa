using ACCOffload.Fuzz.Tests.Engine;
using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Schema;
using ACCOffload.P4Runtime.TestKit;
using Google.Protobuf;
using Grpc.Core;
using P4.Config.V1;
using P4.V1;

namespace ACCOffload.Fuzz.Tests.P4;

/// <summary>P4Info files, and a target's responses to queries for its pipeline and version.</summary>
internal sealed class ConfigTarget() : FuzzTarget("p4-config")
{
    public override FuzzSession Start(Dice dice) => new Configs();

    private sealed class Configs : P4Session
    {
        private const ulong Cookie = 0xC00C1E;
        private static readonly byte[] Info = TestPipeline.Info().ToByteArray();

        public override bool Step(Dice dice)
        {
            switch (dice.Below(4))
            {
                case 0:
                    return Ensure(dice);
                case 1:
                    return Version(dice);
                default:
                    return Load(dice);
            }
        }

        private bool Load(Dice dice)
        {
            var bytes = dice.OneIn(8) ? Info : ProtoMutator.Mutate(dice, Info, Info);
            Input = $"P4Info {Convert.ToHexString(bytes)}";
            P4Info info;
            try
            {
                info = P4Info.Parser.ParseFrom(bytes);
            }
            catch (InvalidProtocolBufferException)
            {
                return false;
            }

            try
            {
                var pipeline = Pipeline.FromP4Info(info);
                FuzzFailure.Unless(pipeline.Tables.Count == info.Tables.Count, "the number of tables differs");
                FuzzFailure.Unless(pipeline.Tables.Select(t => t.Id).Distinct().Count() == info.Tables.Count
                    && pipeline.Tables.All(t => t.Id != 0), "duplicate or zero table IDs");
                foreach (var table in pipeline.Tables)
                {
                    FuzzFailure.Unless(ReferenceEquals(pipeline.Table(table.Name), table)
                        && ReferenceEquals(pipeline.TryTable(table.Id), table), $"{table.Name} is not found");
                    FuzzFailure.Unless(table.Fields.All(f => f.BitWidth > 0 && f.Id != 0)
                        && table.Fields.Select(f => f.Name).Distinct().Count() == table.Fields.Count, $"invalid fields in {table.Name}");
                    FuzzFailure.Unless(
                        table.Actions.All(a => info.Actions.Any(x => x.Preamble.Id == a.Id
                            && x.Params.Count == a.Params.Count)), $"invalid actions in {table.Name}");
                }

                return true;
            }
            catch (P4InfoException e)
            {
                FuzzFailure.Unless(e.Message.Length > 0, "rejected without a message");
                return false;
            }
        }

        private bool Ensure(Dice dice)
        {
            BecomePrimary();
            var cookie = new ForwardingPipelineConfig.Types.Cookie { Cookie_ = dice.OneIn(3) ? dice.OddNumber() : Cookie };
            var config = new GetForwardingPipelineConfigResponse { Config = new ForwardingPipelineConfig { Cookie = cookie } };
            if (dice.OneIn(10))
            {
                config.Config.P4Info = TestPipeline.Info();
            }

            var bytes = dice.OneIn(2) ? config.ToByteArray() : ProtoMutator.Mutate(dice, config.ToByteArray(), Info);
            var status = dice.OneIn(6) ? new Status((StatusCode)dice.Below(17), dice.OddText()) : Status.DefaultSuccess;
            var rejectsPush = dice.OneIn(6);
            var pushes = 0;
            Input = $"{status.StatusCode} {Convert.ToHexString(bytes)} rejects push: {rejectsPush}";
            Invoker.Answer = method =>
            {
                if (method.EndsWith("/GetForwardingPipelineConfig", StringComparison.Ordinal))
                {
                    return new WireAnswer([bytes], status);
                }

                pushes++;
                return rejectsPush ? new WireAnswer([], new Status(StatusCode.FailedPrecondition, "no")) : WireAnswer.Nothing;
            };
            ulong? found = null;
            var valid = true;
            if (status.StatusCode == StatusCode.OK)
            {
                try
                {
                    found = GetForwardingPipelineConfigResponse.Parser.ParseFrom(bytes).Config?.Cookie?.Cookie_;
                }
                catch (InvalidProtocolBufferException)
                {
                    valid = false;
                }
            }
            else
            {
                valid = status.StatusCode is StatusCode.FailedPrecondition or StatusCode.NotFound;
            }

            try
            {
                var check = Session.EnsurePipelineAsync(TestPipeline.Instance, new byte[1], Cookie, canReplace: true, beforePush: null,
                    CancellationToken.None).GetAwaiter().GetResult();
                FuzzFailure.Unless(valid && check.Pushed == (found != Cookie) && pushes == (check.Pushed ? 1 : 0)
                    && !(rejectsPush && check.Pushed), $"{check}, found {found}");
                return true;
            }
            catch (P4RuntimeException e)
            {
                OneLine(e.Message);
                FuzzFailure.Unless(!valid || (rejectsPush && found != Cookie), $"rejected a valid response: {e.Message}");
                FuzzFailure.Unless(valid || pushes == 0, "pushed without knowing the current pipeline");
                return false;
            }
        }

        private bool Version(Dice dice)
        {
            BecomePrimary();
            var bytes = new CapabilitiesResponse
            {
                P4RuntimeApiVersion = dice.OneIn(2)
                ? "1.5.0"
                : dice.OddText().ToWellFormed()
            }.ToByteArray();
            if (dice.OneIn(2))
            {
                bytes = ProtoMutator.Mutate(dice, bytes, bytes);
            }

            Input = $"capabilities {Convert.ToHexString(bytes)}";
            Invoker.Answer = _ => WireAnswer.Of(bytes);
            try
            {
                var version = Session.GetApiVersionAsync(CancellationToken.None).GetAwaiter().GetResult();
                OneLine(version);
                return true;
            }
            catch (P4RuntimeException e)
            {
                OneLine(e.Message);
                return false;
            }
        }
    }
}

using ACCOffload.Fuzz.Tests.Engine;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Session;
using ACCOffload.P4Runtime.TestKit;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using P4Error = P4.V1.Error;

namespace ACCOffload.Fuzz.Tests.P4;

/// <summary>
/// Responses to a Write: status codes and error details in the trailers. A failed Write must never count as applied, and an invalid
/// response must never count as a definite result.
/// </summary>
internal sealed class WriteTarget() : FuzzTarget("p4-write")
{
    private static readonly StatusCode[] Definite =
    [
        StatusCode.InvalidArgument, StatusCode.NotFound, StatusCode.AlreadyExists, StatusCode.PermissionDenied,
        StatusCode.Unauthenticated, StatusCode.ResourceExhausted,
        StatusCode.FailedPrecondition, StatusCode.OutOfRange, StatusCode.Unimplemented,
    ];

    public override FuzzSession Start(Dice dice) => new Writes();

    private sealed class Writes : P4Session
    {
        private static readonly EntryUpdate[] Updates = [.. Enumerable.Range(0, 5)
            .Select(i => new EntryUpdate((UpdateKind)(1 + (i % 3)), TestPipeline.Pod((uint)i)))];

        public override bool Step(Dice dice)
        {
            BecomePrimary();
            var updates = Updates.AsMemory(0, dice.Between(1, Updates.Length));
            var code = dice.OneIn(6) ? StatusCode.OK : dice.OneIn(3) ? (StatusCode)dice.Below(17) : StatusCode.Unknown;
            var details = dice.OneIn(8) ? null : Details(dice, updates.Length);
            var trailers = new Metadata();
            if (details is not null)
            {
                trailers.Add("grpc-status-details-bin", details);
            }

            Invoker.Answer = _ =>
                new WireAnswer([dice.OneIn(4) ? dice.Bytes(dice.Below(20)) : []], new Status(code, dice.OddText()), trailers);
            Input = $"{updates.Length} updates, {code}, details {(details is null ? "none" : Convert.ToHexString(details))}";
            var result = Session.WriteAsync(updates, CancellationToken.None).GetAwaiter().GetResult();

            var (outcome, failed) = Expected(code, details, updates.Length);
            FuzzFailure.Unless(result.Outcome == outcome, $"{result}, expected {outcome}");
            FuzzFailure.Unless(result.Errors.Select(e => (e.Index, (int)e.Code))
                .SequenceEqual(failed), $"errors {string.Join(' ', result.Errors)}, expected {string.Join(' ', failed)}");
            OneLine(result.Message);
            return outcome is WriteOutcome.Applied or WriteOutcome.Failed;
        }

        private static (WriteOutcome Outcome, (int Index, int Code)[] Failed) Expected(StatusCode code, byte[]? details, int updates)
        {
            if (code == StatusCode.OK)
            {
                return (WriteOutcome.Applied, []);
            }

            var refused = Definite.Contains(code) ? WriteOutcome.Rejected : WriteOutcome.Unknown;
            if (details is null)
            {
                return (refused, []);
            }

            Google.Rpc.Status status;
            var errors = new List<P4Error>();
            try
            {
                status = Google.Rpc.Status.Parser.ParseFrom(details);
                foreach (var any in status.Details.Where(d => d.TypeUrl.EndsWith("/p4.v1.Error", StringComparison.Ordinal)))
                {
                    errors.Add(P4Error.Parser.ParseFrom(any.Value));
                }
            }
            catch (InvalidProtocolBufferException)
            {
                return (WriteOutcome.Unknown, []);
            }

            if (errors.Count == 0)
            {
                return (refused, []);
            }

            if (errors.Count != updates || status.Details.Count != updates)
            {
                return (WriteOutcome.Unknown, []);
            }

            var failed = errors.Select((e, i) => (i, Code: e.CanonicalCode is < 0 or > 16 ? (int)StatusCode.Unknown : e.CanonicalCode))
                .Where(e => e.Code != 0).ToArray();
            return (failed.Length == 0 ? WriteOutcome.Unknown : WriteOutcome.Failed, failed);
        }

        private static byte[] Details(Dice dice, int updates)
        {
            var status = new Google.Rpc.Status { Code = 2, Message = dice.OddText().ToWellFormed() };
            for (var i = dice.OneIn(8) ? dice.Below(8) : updates; i > 0; i--)
            {
                var error = new P4Error
                {
                    CanonicalCode = dice.OneIn(8) ? (int)dice.OddNumber() : dice.Pick(0, 0, 6, 5, 8),
                    Message = dice.OddText().ToWellFormed()
                };
                status.Details.Add(dice.OneIn(20)
                    ? new Any { TypeUrl = dice.Pick("", "x/p4.v1.Errors", "p4.v1.Error", "/p4.v1.Error"), Value = error.ToByteString() }
                    : Any.Pack(error));
            }

            var bytes = status.ToByteArray();
            return dice.OneIn(2) ? bytes : ProtoMutator.Mutate(dice, bytes, bytes);
        }
    }
}

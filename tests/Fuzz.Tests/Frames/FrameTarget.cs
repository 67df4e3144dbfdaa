using System.Buffers.Binary;
using System.IO.Pipelines;
using ACCOffload.Fuzz.Tests.Engine;
using ACCOffload.HostStub.Wire;

namespace ACCOffload.Fuzz.Tests.Frames;

/// <summary>
/// The framing of the agent's socket: streams of corrupted frames, split at any position, compared with a plain parser.
/// </summary>
internal sealed class FrameTarget() : FuzzTarget("frames")
{
    public override FuzzSession Start(Dice dice) => new Session();

    private sealed class Session : FuzzSession
    {
        private const int MaxBody = 4096;
        private byte[] _stream = [];

        public override string Describe() => Convert.ToHexString(_stream);

        public override bool Step(Dice dice)
        {
            _stream = FrameInputs.Stream(dice);
            var (bodies, fault) = Read(dice);
            var (expected, expectedFault) = PlainFrames.Split(_stream, MaxBody);
            FuzzFailure.Unless(fault == expectedFault, $"fault: {fault}, expected: {expectedFault}");
            FuzzFailure.Unless(bodies.Count == expected.Count && bodies.Zip(expected).All(p => p.First.AsSpan().SequenceEqual(p.Second)),
                "frame bodies differ");
            var accepted = false;
            foreach (var body in bodies)
            {
                accepted |= Request(body);
                Response(body);
            }

            return accepted;
        }

        private (List<byte[]> Bodies, bool Fault) Read(Dice dice)
        {
            var pipe = new Pipe(new PipeOptions(readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.Inline,
                pauseWriterThreshold: 0, useSynchronizationContext: false));
            var reading = ReadAllAsync(pipe.Reader);
            for (var rest = _stream.AsSpan(); !rest.IsEmpty && !reading.IsCompleted;)
            {
                var piece = rest[..Math.Min(rest.Length, dice.Pick(1, 2, 3, 5, 100, 5000))];
                rest = rest[piece.Length..];
                pipe.Writer.Write(piece);
                pipe.Writer.FlushAsync().AsTask().GetAwaiter().GetResult();
            }

            pipe.Writer.Complete();
            return reading.GetAwaiter().GetResult();
        }

        private static async Task<(List<byte[]> Bodies, bool Fault)> ReadAllAsync(PipeReader reader)
        {
            var bodies = new List<byte[]>();
            try
            {
                while (await FrameReader.ReadAsync(reader, MaxBody, CancellationToken.None) is { } body)
                {
                    bodies.Add(body);
                }

                return (bodies, false);
            }
            catch (FrameException)
            {
                return (bodies, true);
            }
            finally
            {
                await reader.CompleteAsync();
            }
        }

        private static bool Request(byte[] body)
        {
            var valid = PlainFrames.Environment(body) is not null;
            try
            {
                var request = AgentRequest.Decode(body);
                FuzzFailure.Unless(valid, "accepted an invalid frame");
                var (environment, stdin) = PlainFrames.Environment(body)!.Value;
                FuzzFailure.Unless(request.Stdin.Span.SequenceEqual(stdin), "the input differs");
                FuzzFailure.Unless(request.Environment.Count == environment.Count
                    && environment.All(e => request.Environment[e.Key] == e.Value), "the environment differs");
                // Round trip through our own encoder.
                var again = AgentRequest.Decode(AgentRequest.Encode(request.Kind, request.Environment, request.Stdin.Span)
                    .AsSpan(AgentRequest.LengthPrefix));
                FuzzFailure.Unless(again.Kind == request.Kind && again.Environment.Count == environment.Count,
                    "the round trip changes the frame");
                return true;
            }
            catch (FrameException e)
            {
                FuzzFailure.Unless(!valid, $"rejected a valid frame: {e.Message}");
                return false;
            }
        }

        private static void Response(byte[] body)
        {
            var length = body.Length < 6 ? -1 : BinaryPrimitives.ReadInt32BigEndian(body.AsSpan(2));
            var valid = body.Length >= 6 && body[0] == 1 && length >= 0 && length <= body.Length - 6;
            try
            {
                var response = AgentResponse.Decode(body);
                FuzzFailure.Unless(valid && response.ExitCode == body[1] && response.Output.Length == length
                    && response.Error.Length == body.Length - 6 - length, "accepted an invalid frame");
                FuzzFailure.Unless(response.Encode().AsSpan(4).SequenceEqual(body), "the round trip changes the frame");
            }
            catch (FrameException e)
            {
                FuzzFailure.Unless(!valid, $"rejected a valid frame: {e.Message}");
            }
        }
    }
}

internal static class PipeWriterExtensions
{
    public static void Write(this PipeWriter writer, ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(writer.GetSpan(bytes.Length));
        writer.Advance(bytes.Length);
    }
}

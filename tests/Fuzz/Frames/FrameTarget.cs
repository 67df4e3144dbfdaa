using System.Buffers.Binary;
using System.IO.Pipelines;
using ACCOffload.Fuzz.Engine;
using ACCOffload.HostStub.Wire;

namespace ACCOffload.Fuzz.Frames;

/// <summary>The framing of the agent's socket: a stream of damaged frames, cut anywhere on its way, against a plain reading of the same bytes.</summary>
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
            FuzzFailure.Unless(bodies.Count == expected.Count && bodies.Zip(expected).All(p => p.First.AsSpan().SequenceEqual(p.Second)), "other bodies");
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
            var pipe = new Pipe(new PipeOptions(readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.Inline, pauseWriterThreshold: 0, useSynchronizationContext: false));
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
            var right = PlainFrames.Environment(body) is not null;
            try
            {
                var request = AgentRequest.Decode(body);
                FuzzFailure.Unless(right, "accepted what is wrong");
                var (environment, stdin) = PlainFrames.Environment(body)!.Value;
                FuzzFailure.Unless(request.Stdin.Span.SequenceEqual(stdin), "another input");
                FuzzFailure.Unless(request.Environment.Count == environment.Count && environment.All(e => request.Environment[e.Key] == e.Value), "another environment");
                // Once more through our own writer.
                var again = AgentRequest.Decode(AgentRequest.Encode(request.Kind, request.Environment, request.Stdin.Span).AsSpan(AgentRequest.LengthPrefix));
                FuzzFailure.Unless(again.Kind == request.Kind && again.Environment.Count == environment.Count, "does not survive being written");
                return true;
            }
            catch (FrameException e)
            {
                FuzzFailure.Unless(!right, $"refused what is right: {e.Message}");
                return false;
            }
        }

        private static void Response(byte[] body)
        {
            var length = body.Length < 6 ? -1 : BinaryPrimitives.ReadInt32BigEndian(body.AsSpan(2));
            var right = body.Length >= 6 && body[0] == 1 && length >= 0 && length <= body.Length - 6;
            try
            {
                var response = AgentResponse.Decode(body);
                FuzzFailure.Unless(right && response.ExitCode == body[1] && response.Output.Length == length && response.Error.Length == body.Length - 6 - length, "accepted what is wrong");
                FuzzFailure.Unless(response.Encode().AsSpan(4).SequenceEqual(body), "does not survive being written");
            }
            catch (FrameException e)
            {
                FuzzFailure.Unless(!right, $"refused what is right: {e.Message}");
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

using ACCOffload.Fuzz.Tests.Engine;
using ACCOffload.SoftTarget.Engine;

namespace ACCOffload.Fuzz.Tests.Spec;

/// <summary>
/// The .spec loader: programs with lines and words dropped, duplicated, moved or replaced, and corrupted text. An accepted program must
/// have what its text declares and must process packets.
/// </summary>
internal sealed class SpecTarget() : FuzzTarget("spec")
{
    public override FuzzSession Start(Dice dice) => new Session();

    private sealed class Session : FuzzSession
    {
        private static readonly SwxPipelineOptions Small = new() { MaxStateBytes = 1 << 20 };
        private string _text = "";

        public override string Describe() => _text;

        public override bool Step(Dice dice)
        {
            _text = SpecInputs.Text(dice);
            SwxProgram program;
            try
            {
                program = SwxProgram.Parse(_text);
            }
            catch (SpecException e)
            {
                FuzzFailure.Unless(e.Message.Length is > 0 and < 2000 && !e.Message.Any(char.IsControl), $"not one line: {e.Message}");
                FuzzFailure.Unless(e.Line >= 0 && e.Line <= _text.AsSpan().Count('\n') + _text.AsSpan().Count('\r') + 5, $"line {e.Line}");
                return false;
            }

            var declared = PlainSpec.Declared(_text);
            Equal("table", program.Tables.Select(t => t.Name));
            Equal("action", program.Actions.Select(a => a.Name));
            Equal("header", program.Headers.Select(h => h.Name));
            Equal("learner", program.Learners.Select(l => l.Name));
            Equal("selector", program.Selectors.Select(s => s.Name));
            Equal("regarray", program.RegisterArrays.Select(r => r.Name));
            Equal("metarray", program.MeterArrays.Select(m => m.Name));
            if (dice.OneIn(8))
            {
                Send(dice, program);
            }

            return true;

            void Equal(string kind, IEnumerable<string> names) =>
                FuzzFailure.Unless(declared[kind].Order(StringComparer.Ordinal)
                    .SequenceEqual(
                        names.Order(
                            StringComparer.Ordinal)), $"{kind}: {string.Join(' ', names)}, declared {string.Join(' ', declared[kind])}");
        }

        private static void Send(Dice dice, SwxProgram program)
        {
            SwxPipeline pipeline;
            try
            {
                pipeline = new SwxPipeline(program, Small);
            }
            catch (SpecException)
            {
                // Exceeds the state limit.
                return;
            }

            var worker = pipeline.CreateWorker();
            for (var frames = 3; frames > 0; frames--)
            {
                var buffer = new byte[256 + 2048];
                dice.Bytes(dice.Pick(0, 14, 60, 200)).CopyTo(buffer, 256);
                var (offset, length) = (256, dice.Pick(0, 14, 60, 200));
                worker.Process(buffer, ref offset, ref length, (uint)dice.Below(4), out _);
                FuzzFailure.Unless(offset >= 0 && length >= 0
                    && offset + length <= buffer.Length, $"a frame from {offset} of {length} bytes");
            }
        }
    }
}

using System.Text;

namespace ACCOffload.DpdkOracle.Coverage;

/// <summary>
/// A specification with a counter before each instruction and after each conditional jump. It behaves like the original, and the
/// counters, which are DPDK registers, show what was executed. The increment is a metadata field, because for an immediate index and
/// an immediate value DPDK always uses the program's first array, regardless of the name.
/// </summary>
public sealed class InstrumentedSpec
{
    /// <summary>The register array of the counters.</summary>
    public const string Array = "executed_instructions";

    private const string One = "executed_one";

    private readonly List<Probe> _probes = [];

    public InstrumentedSpec(string text)
    {
        var spec = new SpecLines(text);
        var output = new StringBuilder();
        var (inside, inMetadata) = (false, false);
        foreach (var line in spec.Lines)
        {
            if (line is ["}"])
            {
                if (inMetadata)
                {
                    output.Append($"bit<8> {One}\n");
                }

                (inside, inMetadata) = (false, false);
            }
            if (inside && SpecLines.IsCode(line))
            {
                Instruction(line, spec, output);
            }
            else
            {
                output.AppendJoin(' ', line).Append('\n');
            }

            inside |= SpecLines.IsBlock(line);
            inMetadata |= line is ["struct", var name, "{"] && name == spec.MetadataType;
        }
        Text = $"{output}regarray {Array} size {Math.Max(1, _counters)} initval 0\n";
    }

    /// <param name="Variant">The variant of the instruction.</param>
    /// <param name="Before">The counter before it.</param>
    /// <param name="After">The counter after it; -1 unless it is a conditional jump.</param>
    private sealed record Probe(string Variant, int Before, int After);

    /// <summary>The text to load.</summary>
    public string Text { get; }

    /// <summary>
    /// Reports how often each instruction was executed; conditional jumps are reported separately for both outcomes.
    /// </summary>
    public void Report(ReadOnlySpan<ulong> counters, Action<string, ulong> instruction)
    {
        foreach (var probe in _probes)
        {
            var executed = counters[probe.Before];
            if (probe.After < 0)
            {
                instruction(probe.Variant, executed);
                continue;
            }

            instruction($"{probe.Variant} not taken", counters[probe.After]);
            instruction($"{probe.Variant} taken", executed - counters[probe.After]);
        }
    }

    private void Instruction(string[] line, SpecLines spec, StringBuilder output)
    {
        var instruction = line.AsSpan();
        if (line is [_, ":", ..])
        {
            output.Append(line[0]).Append(" : ");
            instruction = instruction[2..];
        }
        var variant = InstructionVariant.Of(instruction, spec);
        if (instruction[0] == "rx")
        {
            // rx must be the first instruction and every packet executes it, so its counter comes after it.
            output.AppendJoin(' ', instruction.ToArray()).Append($"\nmov m.{One} 1\n");
            Count(Add(variant, -1));
            return;
        }
        Count(Add(variant, -1));
        output.AppendJoin(' ', instruction.ToArray()).Append('\n');
        if (InstructionVariant.IsConditional(variant))
        {
            Count(_counters);
            _probes[^1] = _probes[^1] with { After = _counters++ };
        }

        void Count(int counter) => output.Append($"regadd {Array} {counter} m.{One}\n");
    }

    private int _counters;

    private int Add(string variant, int after)
    {
        _probes.Add(new Probe(variant, _counters, after));
        return _counters++;
    }
}

using System.Text;

namespace ACCOffload.DpdkOracle.Coverage;

/// <summary>
/// A specification with a counter before each instruction and after each conditional jump. It does what the original does, and
/// its counters say, out of DPDK's own registers, what was executed. They count by a field of the metadata, because DPDK takes
/// the program's first array whatever the name where both the index and the value are immediates.
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

    /// <param name="Variant">The instruction.</param>
    /// <param name="Before">Counter before it.</param>
    /// <param name="After">Counter after it, -1 where it is no conditional jump.</param>
    private sealed record Probe(string Variant, int Before, int After);

    /// <summary>The text to load.</summary>
    public string Text { get; }

    /// <summary>
    /// Tells what the counters say: each instruction with how often it was executed, conditional jumps once for each way.
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
            // It has to be the first one, and every packet runs it: counted after it.
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

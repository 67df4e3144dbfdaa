using ACCOffload.Differential.Programs;

namespace ACCOffload.Differential.Coverage;

/// <summary>Each test asserts that all instructions of its own program ran; this one that the programs have them all.</summary>
public sealed class CoverageTests
{
    [Fact]
    public void The_programs_have_every_instruction()
    {
        var variants = new HashSet<string>(ProgramGenerator.Variants);
        foreach (var name in (string[])["tables.spec", "learners.spec", "headers.spec"])
        {
            var spec = new SpecLines(TestSettings.Spec(name));
            variants.UnionWith(spec.Instructions().Select(i => InstructionVariant.Of(i, spec)));
        }
        Assert.Empty(InstructionVariant.All.Except(variants));
    }
}

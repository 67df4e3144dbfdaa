using ACCOffload.DpdkOracle.Coverage;

namespace ACCOffload.Differential.Tests.Programs;

/// <summary>
/// Checks that the test programs together contain every instruction. That all of them run is asserted by the tests of each program.
/// </summary>
public sealed class CoverageTests
{
    [Fact]
    public void The_test_programs_contain_every_instruction()
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

using ACCOffload.SoftTarget.Engine;

namespace ACCOffload.Fuzz.Tests.Spec;

public sealed class SpecInputsTests
{
    [Fact]
    public void The_unchanged_programs_are_valid()
    {
        Assert.All(SpecInputs.Programs, text => SwxProgram.Parse(text));
    }
}

using ACCOffload.SoftTarget.Engine;

namespace ACCOffload.Fuzz.Spec;

public sealed class SpecInputsTests
{
    [Fact]
    public void The_programs_are_right_before_they_are_changed()
    {
        Assert.All(SpecInputs.Programs, text => SwxProgram.Parse(text));
    }
}

using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Policy.Classes;

/// <summary>The ports that are alike in every test in use.</summary>
internal sealed class PortClass(uint number, SequenceOf<PortTest> tests)
{
    /// <summary>0 is the class of ports in no test, which have no rows.</summary>
    public uint Number { get; } = number;

    /// <summary>The tests that hold, sorted.</summary>
    public SequenceOf<PortTest> Tests { get; set; } = tests;
}

namespace ACCOffload.Devices.Tests.Machine;

/// <summary>Like <see cref="VmFactAttribute"/>, for tests with data.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class VmTheoryAttribute : TheoryAttribute
{
    /// <summary>Names what is missing.</summary>
    public VmTheoryAttribute() => Skip = new VmFactAttribute().Skip;
}

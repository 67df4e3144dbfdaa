using ACCOffload.Integration;

namespace ACCOffload.Infrap4d;

/// <summary>A test against a real infrap4d: skipped by name where none is given.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class Infrap4dFactAttribute : FactAttribute
{
    public Infrap4dFactAttribute() => Skip = new TapFactAttribute().Skip ?? (RealNodeTarget.Command is null ? $"needs {RealNodeTarget.Variable}, the command of an infrap4d for P4-DPDK" : null);
}

using ACCOffload.Integration;

namespace ACCOffload.Runtime.Tests;

/// <summary>As <see cref="RootFactAttribute"/>, once for each row of data.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class RootTheoryAttribute : TheoryAttribute
{
    public RootTheoryAttribute() => Skip = new RootFactAttribute().Skip;
}

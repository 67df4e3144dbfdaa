namespace ACCOffload.NativeInterop.Tests;

/// <summary>As <see cref="RootFactAttribute"/>, with data.</summary>
public sealed class RootTheoryAttribute : TheoryAttribute
{
    public RootTheoryAttribute()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            Skip = "needs root";
        }
    }
}

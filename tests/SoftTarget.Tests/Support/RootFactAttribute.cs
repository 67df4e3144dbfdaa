namespace ACCOffload.SoftTarget.Tests.Support;

/// <summary>A test that creates namespaces and links.</summary>
public sealed class RootFactAttribute : FactAttribute
{
    public RootFactAttribute()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            Skip = "needs root";
        }
    }
}

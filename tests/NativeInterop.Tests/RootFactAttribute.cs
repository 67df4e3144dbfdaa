namespace ACCOffload.NativeInterop.Tests;

/// <summary>A test that needs root: namespaces, links, raw sockets.</summary>
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

namespace ACCOffload.Image.Tests.Flashing;

/// <summary>Skipped, by name, where there are no loop devices or a tool is missing.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class FlashFactAttribute : FactAttribute
{
    /// <summary>Names what is missing.</summary>
    public FlashFactAttribute()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            Skip = "needs root";
        }
        else if (!File.Exists("/dev/loop-control"))
        {
            Skip = "needs loop devices (/dev/loop-control)";
        }
        else if (!File.Exists("/usr/sbin/sfdisk"))
        {
            Skip = "needs fdisk";
        }
        else if (!File.Exists("/usr/bin/mcopy"))
        {
            Skip = "needs mtools";
        }
    }
}

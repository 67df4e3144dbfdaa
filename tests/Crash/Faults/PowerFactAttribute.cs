using ACCOffload.Integration;

namespace ACCOffload.Crash.Faults;

/// <summary>A test that makes a file system of its own: skipped by name where that can't be.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class PowerFactAttribute : FactAttribute
{
    /// <summary>Skips the test without root, published binaries, loop devices or mkfs.ext4.</summary>
    public PowerFactAttribute()
    {
        Skip = new RootFactAttribute().Skip;
        if (Skip is null && !File.Exists("/dev/loop-control"))
        {
            Skip = "needs loop devices (/dev/loop-control is missing)";
        }
        else if (Skip is null && !File.Exists("/usr/sbin/mkfs.ext4") && !File.Exists("/sbin/mkfs.ext4"))
        {
            Skip = "needs mkfs.ext4 (package e2fsprogs)";
        }
    }
}

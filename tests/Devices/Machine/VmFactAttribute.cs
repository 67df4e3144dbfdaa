namespace ACCOffload.Devices.Tests.Machine;

/// <summary>Skipped unless the VM is there: it is made of Debian's packages and runs under emulation, so it has a target of its own (make devices-test).</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class VmFactAttribute : FactAttribute
{
    /// <summary>Names what is missing.</summary>
    public VmFactAttribute()
    {
        if (Environment.GetEnvironmentVariable("ACCOFFLOAD_TEST_DEVICES_LACK") is { Length: > 0 } lack)
        {
            Skip = lack;
        }
        else if (Environment.GetEnvironmentVariable("ACCOFFLOAD_TEST_DEVICES") is not { Length: > 0 } folder)
        {
            Skip = "runs in a virtual machine with SR-IOV: run 'make devices-test'";
        }
        else if (!File.Exists(Path.Combine(folder, "disk.img")))
        {
            Skip = $"needs {folder}/disk.img: run 'make devices-test'";
        }
    }
}

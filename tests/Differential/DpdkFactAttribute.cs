using System.Runtime.InteropServices;
using ACCOffload.Differential.Oracle;

namespace ACCOffload.Differential;

/// <summary>A test against the real DPDK: skipped by name where it can't be built.</summary>
[AttributeUsage(AttributeTargets.Method)]
public class DpdkFactAttribute : FactAttribute
{
    public DpdkFactAttribute() => Skip = OracleProgram.Missing;
}

/// <summary>A test that also advances DPDK's time, which only works where the time stamp counter can be made to trap.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class DpdkClockFactAttribute : DpdkFactAttribute
{
    public DpdkClockFactAttribute()
    {
        if (RuntimeInformation.ProcessArchitecture != Architecture.X64 || !OperatingSystem.IsLinux())
        {
            Skip ??= "needs x86-64 Linux: DPDK's clock can't be replaced elsewhere";
        }
    }
}

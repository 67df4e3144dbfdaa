using System.Runtime.InteropServices;

namespace ACCOffload.NativeInterop.Routing;

/// <summary>A range of ports, inclusive at both ends.</summary>
public readonly record struct RulePorts(ushort First, ushort Last)
{
    /// <summary>As the kernel has it (struct fib_rule_port_range): two numbers in host byte order.</summary>
    internal uint Kernel
    {
        get
        {
            Span<ushort> pair = [First, Last];
            return MemoryMarshal.Cast<ushort, uint>(pair)[0];
        }
    }

    /// <summary>As ip-rule(8) writes it.</summary>
    public override string ToString() => First == Last ? $"{First}" : $"{First}-{Last}";

    internal static RulePorts FromKernel(uint value)
    {
        var pair = MemoryMarshal.Cast<uint, ushort>([value]);
        return new RulePorts(pair[0], pair[1]);
    }
}

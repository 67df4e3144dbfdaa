using System.Reflection;
using ACCOffload.Services.Tests.Kernel;
using Xunit.Sdk;

namespace ACCOffload.Services.Tests.Survival;

/// <summary>Runs a scenario against the kernel's NAT: skipped by name without root or its tools.</summary>
/// <param name="arguments">The scenario's, after the side.</param>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
public sealed class OnKernelAttribute(params object[] arguments) : DataAttribute
{
    public override string? Skip { get; set; } = KernelNode.Lack;

    public override IEnumerable<object[]> GetData(MethodInfo testMethod) => [[Side.Kernel, .. arguments]];
}

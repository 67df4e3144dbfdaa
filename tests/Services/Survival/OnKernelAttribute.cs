using System.Reflection;
using ACCOffload.Services.Tests.Kernel;
using Xunit.Sdk;
using Xunit.v3;

namespace ACCOffload.Services.Tests.Survival;

/// <summary>Runs a scenario against the kernel's NAT: skipped by name without root or its tools.</summary>
/// <param name="arguments">The scenario's, after the side.</param>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
public sealed class OnKernelAttribute(params object[] arguments) : DataAttribute
{
    public override ValueTask<IReadOnlyCollection<ITheoryDataRow>> GetData(MethodInfo testMethod, DisposalTracker disposalTracker) =>
        new([new TheoryDataRow([Side.Kernel, .. arguments]) { Skip = KernelNode.Lack }]);

    public override bool SupportsDiscoveryEnumeration() => true;
}

using System.Reflection;
using ACCOffload.Services.Tests.Kernel;
using Xunit.Sdk;
using Xunit.v3;

namespace ACCOffload.Services.Tests.Survival;

/// <summary>Runs a scenario against the kernel's NAT; skipped without root or the tools.</summary>
/// <param name="arguments">The scenario's arguments after the side.</param>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
public sealed class OnKernelAttribute(params object[] arguments) : DataAttribute
{
    public override ValueTask<IReadOnlyCollection<ITheoryDataRow>> GetData(MethodInfo testMethod, DisposalTracker disposalTracker) =>
        new([new TheoryDataRow([Side.Kernel, .. arguments]) { Skip = KernelNode.MissingPrerequisite }]);

    public override bool SupportsDiscoveryEnumeration() => true;
}

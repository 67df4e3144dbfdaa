using System.Reflection;
using Xunit.Sdk;
using Xunit.v3;

namespace ACCOffload.Services.Tests.Survival;

/// <summary>Runs a scenario against the kernel's NAT.</summary>
/// <param name="arguments">The scenario's arguments after the side.</param>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
public sealed class OnKernelAttribute(params object[] arguments) : DataAttribute
{
    public override ValueTask<IReadOnlyCollection<ITheoryDataRow>> GetData(MethodInfo testMethod, DisposalTracker disposalTracker) =>
        new([new TheoryDataRow([Side.Kernel, .. arguments])]);

    public override bool SupportsDiscoveryEnumeration() => true;
}

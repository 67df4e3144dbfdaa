using System.Reflection;
using Xunit.Sdk;
using Xunit.v3;

namespace ACCOffload.Services.Tests.Survival;

/// <summary>
/// Runs a scenario against the product. A known failure has the issue and the reason in <see cref="KnownFailure"/>;
/// <c>ACCOFFLOAD_TEST_KNOWN_FAILURES=1</c> runs it anyway.
/// </summary>
/// <param name="arguments">The scenario's arguments after the side.</param>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
public sealed class OnPipelineAttribute(params object[] arguments) : DataAttribute
{
    private static readonly bool RunsAll = Environment.GetEnvironmentVariable("ACCOFFLOAD_TEST_KNOWN_FAILURES") == "1";

    /// <summary>Why the scenario is skipped: the issue and what fails.</summary>
    public string? KnownFailure { get; set; }

    public override ValueTask<IReadOnlyCollection<ITheoryDataRow>> GetData(MethodInfo testMethod, DisposalTracker disposalTracker) =>
        new([new TheoryDataRow([Side.Pipeline, .. arguments]) { Skip = RunsAll ? null : KnownFailure }]);

    public override bool SupportsDiscoveryEnumeration() => true;
}

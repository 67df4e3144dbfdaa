using System.Reflection;
using ACCOffload.Integration;
using Xunit.Sdk;

namespace ACCOffload.Services.Tests.Survival;

/// <summary>
/// Runs a scenario against the product. A scenario that the product is known to fail has a Skip that names the issue and the reason; whoever mends it takes
/// that away, and sees until then with <c>ACCOFFLOAD_TEST_KNOWN_FAILURES=1</c> what goes wrong.
/// </summary>
/// <param name="arguments">The scenario's, after the side.</param>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
public sealed class OnPipelineAttribute(params object[] arguments) : DataAttribute
{
    private static readonly string? Lack = new RootFactAttribute().Skip;
    private static readonly bool RunsAll = Environment.GetEnvironmentVariable("ACCOFFLOAD_TEST_KNOWN_FAILURES") == "1";

    public override string? Skip
    {
        get => Lack ?? (RunsAll ? null : field);
        set;
    }

    public override IEnumerable<object[]> GetData(MethodInfo testMethod) => [[Side.Pipeline, .. arguments]];
}

using ACCOffload.Fuzz.Tests.Engine;

namespace ACCOffload.Fuzz.Tests;

/// <summary>A short run of every target; `make fuzz` is the long run.</summary>
public sealed class ShortRunTests(ITestOutputHelper output)
{
    private const long Inputs = 20_000;
    private const ulong Seed = 20_240_117;

    public static TheoryData<string> Targets => [.. FuzzTargets.All.Select(t => t.Name)];

    [Theory]
    [MemberData(nameof(Targets))]
    public void Fuzzed_input_violates_no_property(string name)
    {
        var target = FuzzTargets.All.Single(t => t.Name == name);
        var result = new FuzzRun(target, Inputs / target.OneIn, Seed, threads: 2, TimeSpan.FromSeconds(60)).Run();
        output.WriteLine(result.ToString());
        // A run in which no input passes the first check would prove nothing.
        Assert.True(result.Accepted >= result.Inputs / 100 && result.Rejected >= result.Inputs / 100, result.ToString());
    }
}

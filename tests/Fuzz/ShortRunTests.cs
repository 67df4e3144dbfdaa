using ACCOffload.Fuzz.Engine;

namespace ACCOffload.Fuzz;

/// <summary>Every target for a moment; `make fuzz` is the long run.</summary>
public sealed class ShortRunTests(ITestOutputHelper output)
{
    private const long Inputs = 20_000;
    private const ulong Seed = 20_240_117;

    public static TheoryData<string> Targets => [.. FuzzTargets.All.Select(t => t.Name)];

    [Theory]
    [MemberData(nameof(Targets))]
    public void Nothing_that_comes_in_does_harm(string name)
    {
        var target = FuzzTargets.All.Single(t => t.Name == name);
        var result = new FuzzRun(target, Inputs / target.OneIn, Seed, threads: 2, TimeSpan.FromSeconds(60)).Run();
        output.WriteLine(result.ToString());
        // Inputs that never get past the first check would prove nothing.
        Assert.True(result.Accepted >= result.Inputs / 100 && result.Refused >= result.Inputs / 100, result.ToString());
    }
}

using System.Globalization;

namespace ACCOffload.Differential.Tests;

/// <summary>
/// Settings of a run. The seed is fixed by default, so that CI is repeatable. For a longer search set
/// <c>ACCOFFLOAD_DIFFERENTIAL_SEED=random ACCOFFLOAD_DIFFERENTIAL_SCALE=100</c>.
/// </summary>
internal static class TestSettings
{
    /// <summary>The seed.</summary>
    public static int Seed { get; } = Environment.GetEnvironmentVariable("ACCOFFLOAD_DIFFERENTIAL_SEED") switch
    {
        null or "" => 20_240_817,
        "random" => Random.Shared.Next(),
        var text => int.Parse(text, CultureInfo.InvariantCulture),
    };

    /// <summary>Multiplies the number of table states and programs.</summary>
    public static int Scale { get; } =
        Environment.GetEnvironmentVariable("ACCOFFLOAD_DIFFERENTIAL_SCALE") is { Length: > 0 } text
            ? int.Parse(text, CultureInfo.InvariantCulture) : 1;

    /// <summary>Reads a specification from the output folder.</summary>
    public static string Spec(string name) => File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "specs", name));
}

using System.Globalization;

namespace ACCOffload.TestKit;

/// <summary>Settings of randomized tests, from the environment.</summary>
public static class RunSettings
{
    /// <summary>The seed, which every run prints. It reproduces the random choices, but not the timing.</summary>
    public static int Seed { get; } = Number("ACCOFFLOAD_TEST_SEED", Random.Shared.Next(1, 1_000_000));

    /// <summary>A number from the environment; <paramref name="otherwise"/> if it is not set or not a number.</summary>
    public static int Number(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.None, CultureInfo.InvariantCulture, out var value)
            ? value
            : otherwise;
}

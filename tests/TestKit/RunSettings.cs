using System.Globalization;

namespace ACCOffload.TestKit;

/// <summary>What the environment sets for runs with random choices.</summary>
public static class RunSettings
{
    /// <summary>Printed by every run; the same seed makes the same choices, not the same timing.</summary>
    public static int Seed { get; } = Number("ACCOFFLOAD_TEST_SEED", Random.Shared.Next(1, 1_000_000));

    /// <summary>A number in the environment, or the default.</summary>
    public static int Number(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.None, CultureInfo.InvariantCulture, out var value)
            ? value
            : otherwise;
}

namespace ACCOffload.Crash.Tests;

/// <summary>What the environment sets, beside <see cref="RunSettings"/>.</summary>
internal static class CrashSettings
{
    /// <summary>Rounds of concurrent requests, each with something killed.</summary>
    public static int RpcRounds { get; } = RunSettings.Number("ACCOFFLOAD_TEST_RPC_ROUNDS", 50);

    /// <summary>Such rounds on the server that behaves as infrap4d.</summary>
    public static int FaithfulRounds { get; } = RunSettings.Number("ACCOFFLOAD_TEST_FAITHFUL_ROUNDS", 16);

    /// <summary>Rounds of pods that come and go while something is killed.</summary>
    public static int PodRounds { get; } = RunSettings.Number("ACCOFFLOAD_TEST_POD_ROUNDS", 5);

    /// <summary>Whether hostile peers run beside the soak: SOAK_HOSTILE=0 leaves them out.</summary>
    public static bool Hostile { get; } = Environment.GetEnvironmentVariable("SOAK_HOSTILE") is not "0";

    /// <summary>The only hostile acts to do, as SOAK_HOSTILE=silent,far-epoch names them; empty: all.</summary>
    public static IReadOnlySet<string> HostileActs { get; } = Environment.GetEnvironmentVariable("SOAK_HOSTILE") is { Length: > 1 } names
        ? names.Split(',').ToHashSet()
        : [];
}

/// <summary>What is killed in a round.</summary>
[Flags]
internal enum Victims
{
    None = 0,
    Manager = 1,
    Target = 2,
    Agent = 4,
}

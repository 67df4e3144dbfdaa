namespace ACCOffload.Crash.Tests;

/// <summary>Settings of the crash tests, from the environment; see also <see cref="RunSettings"/>.</summary>
internal static class CrashSettings
{
    /// <summary>The number of rounds of concurrent requests with a kill in each.</summary>
    public static int RpcRounds { get; } = RunSettings.Number("ACCOFFLOAD_TEST_RPC_ROUNDS", 50);

    /// <summary>The number of such rounds on the server that behaves like infrap4d.</summary>
    public static int FaithfulRounds { get; } = RunSettings.Number("ACCOFFLOAD_TEST_FAITHFUL_ROUNDS", 16);

    /// <summary>The number of rounds in which pods are added and deleted while daemons are killed.</summary>
    public static int PodRounds { get; } = RunSettings.Number("ACCOFFLOAD_TEST_POD_ROUNDS", 5);

    /// <summary>Whether hostile peers run during the soak; SOAK_HOSTILE=0 disables them.</summary>
    public static bool Hostile { get; } = Environment.GetEnvironmentVariable("SOAK_HOSTILE") is not "0";

    /// <summary>The hostile actions to perform, such as SOAK_HOSTILE=silent,far-epoch; empty for all.</summary>
    public static IReadOnlySet<string> HostileActions { get; } = Environment.GetEnvironmentVariable("SOAK_HOSTILE") is { Length: > 1 } names
        ? names.Split(',').ToHashSet()
        : [];
}

/// <summary>The daemons that are killed in a round.</summary>
[Flags]
internal enum Victims
{
    None = 0,
    Manager = 1,
    Target = 2,
    Agent = 4,
}

using ACCOffload.TestKit.Targets;

namespace ACCOffload.Infrap4d.Tests;

/// <summary>The package of release 24.01 for P4-DPDK, where the tester has it.</summary>
internal static class Infrap4dPackage
{
    /// <summary>Names the folder with the release's k8s_dp.pb.bin and p4Info.txt.</summary>
    public const string Variable = "ACCOFFLOAD_TEST_PACKAGE";

    public static string? Folder => Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } folder ? folder : null;

    public static string File => Path.Combine(Folder ?? "", "k8s_dp.pb.bin");

    public static string InfoFile => Path.Combine(Folder ?? "", "p4Info.txt");

    /// <summary>Why a test with it can't run here, or null.</summary>
    public static string? MissingFiles => Folder is null ? $"needs {Variable}, the folder of release 24.01's package for P4-DPDK" : null;

    /// <summary>Why a test with it on a real infrap4d can't run here, or null.</summary>
    public static string? Missing => RealNodeTarget.Missing ?? MissingFiles;
}

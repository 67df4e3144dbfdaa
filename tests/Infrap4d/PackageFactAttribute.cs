namespace ACCOffload.Infrap4d;

/// <summary>A test against a real infrap4d with the package of release 24.01: skipped by name where one of them is not given.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class PackageFactAttribute : FactAttribute
{
    /// <summary>The folder that has the release's k8s_dp.pb.bin and p4Info.txt for P4-DPDK.</summary>
    public const string Variable = "ACCOFFLOAD_TEST_PACKAGE";

    public PackageFactAttribute() => Skip = new Infrap4dFactAttribute().Skip ?? (Folder is null ? $"needs {Variable}, the folder of release 24.01's package for P4-DPDK" : null);

    public static string? Folder => Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } folder ? folder : null;
}

using ACCOffload.TestKit.Machines;

namespace ACCOffload.Cluster.Tests.Setup;

/// <summary>The folder with the programs and images of a real Kubernetes, where the tester has one; README.md lists its contents.</summary>
internal static class KubernetesFolder
{
    /// <summary>Names the folder.</summary>
    public const string Variable = "ACCOFFLOAD_KUBERNETES";

    /// <summary>Where the nodes see it.</summary>
    public const string InMachine = "/opt/kubernetes";

    private static readonly string[] Programs = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl",
        "kubelet", "e2e.test", "ginkgo", "agnhost", "containerd", "containerd-shim-runc-v2", "ctr", "crictl", "runc"];

    public static string Root { get; } = Environment.GetEnvironmentVariable(Variable) ?? "";

    /// <summary>Why no cluster can be started here, or null.</summary>
    public static string? Missing { get; } = FindMissing();

    /// <summary>Why no node can run CRI-O, or null.</summary>
    public static string? MissingCrio { get; } =
        Missing ?? FirstMissing(["crio", "pinns", "conmon", "skopeo"]);

    public static string Program(string name) => Path.Combine(Root, "bin", name);

    /// <summary>The image archives.</summary>
    public static IReadOnlyList<string> Images => [.. Directory.GetFiles(Path.Combine(Root, "images"), "*.tar").Order()];

    private static string? FindMissing() =>
        Root.Length == 0
            ? $"needs {Variable}, the folder with the programs and images of a real Kubernetes"
            : FirstMissing(Programs) ?? BootedMachine.Missing
                ?? (Directory.Exists(Repository.At("out/packages")) ? null : "needs the packages: run 'make package'");

    private static string? FirstMissing(string[] programs) =>
        programs.FirstOrDefault(p => !File.Exists(Program(p))) is { } missing ? $"needs {missing} in {Variable}/bin" : null;
}

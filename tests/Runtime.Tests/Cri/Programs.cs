namespace ACCOffload.Runtime.Tests.Cri;

/// <summary>The external programs that the container runtime needs.</summary>
internal static class Programs
{
    private static readonly string[] Folders = [.. (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':'), "/usr/sbin", "/usr/bin",
        "/sbin", "/bin"];

    public static string? Containerd { get; } = Find("containerd");

    public static string? Ctr { get; } = Find("ctr");

    public static string? Runc { get; } = Find("runc");

    /// <summary>Why containerd can't run here, or null.</summary>
    public static string? Missing => MissingPackage() is { } missing ? $"needs {missing}: run 'make deps'" : null;

    private static string? MissingPackage()
    {
        if (Containerd is null || Ctr is null || Find("containerd-shim-runc-v2") is null)
        {
            return "containerd";
        }

        if (Runc is null)
        {
            return "runc";
        }

        if (!File.Exists("/usr/lib/cni/host-local") || !File.Exists("/usr/lib/cni/loopback"))
        {
            return "containernetworking-plugins";
        }

        return BusyboxImage.IsStatic() ? null : "busybox-static";
    }

    private static string? Find(string name) =>
        Folders.Where(folder => folder.StartsWith('/')).Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);
}

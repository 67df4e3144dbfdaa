namespace ACCOffload.Runtime.Tests.Cri;

/// <summary>A test that drives containerd: skipped by name without root, the published binaries, or one of the programs.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class ContainerdFactAttribute : FactAttribute
{
    private static readonly string[] Needed =
        ["/usr/bin/containerd", "/usr/bin/containerd-shim-runc-v2", "/usr/bin/ctr", "/usr/sbin/runc", BusyboxImage.Busybox, "/usr/lib/cni/host-local", "/usr/lib/cni/loopback"];

    public ContainerdFactAttribute()
    {
        Skip = new Integration.RootFactAttribute().Skip;
        if (Skip is null && Array.Find(Needed, file => !File.Exists(file)) is { } missing)
            Skip = $"needs containerd, runc, busybox-static and containernetworking-plugins: run 'make deps' ({missing} is missing)";
    }
}

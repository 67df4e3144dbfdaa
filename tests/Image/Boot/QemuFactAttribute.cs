using ACCOffload.Integration.Lab;

namespace ACCOffload.Image.Tests.Boot;

/// <summary>Skipped unless the image is to be booted: minutes under emulation, so it has a target of its own (make image-test).</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class QemuFactAttribute : FactAttribute
{
    public const string Firmware = "/usr/share/qemu-efi-aarch64/QEMU_EFI.fd";

    /// <summary>Names what is missing.</summary>
    public QemuFactAttribute()
    {
        if (Environment.GetEnvironmentVariable("ACCOFFLOAD_TEST_IMAGE") is not { Length: > 0 } image)
        {
            Skip = "boots the image under emulation: run 'make image-test' or 'make update-test'";
        }
        else if (!Environment.IsPrivilegedProcess)
        {
            Skip = "needs root";
        }
        else if (!File.Exists(image))
        {
            Skip = $"needs {image}: run 'make image'";
        }
        else if (!File.Exists("/usr/bin/qemu-system-aarch64") || !File.Exists(Firmware))
        {
            Skip = "needs qemu-system-arm and qemu-efi-aarch64";
        }
        else if (!File.Exists(Published.HostStub))
        {
            Skip = "needs the published binaries: run 'make publish'";
        }
        else if (!File.Exists("/dev/net/tun"))
        {
            Skip = "needs /dev/net/tun";
        }
    }
}

using ACCOffload.TestKit.Configurations;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Image.Tests.Boot;

/// <summary>Provisions a device with a certificate at its first boot, following the operator's steps.</summary>
internal static class DeviceCertificate
{
    private const string Server = "/etc/pki/inframanager/server";

    /// <summary>Writes the files that are placed beside the boot loader.</summary>
    public static async Task<string> ProvisionAsync(TestHost host)
    {
        var folder = host.At("provision");
        Directory.CreateDirectory(Path.Combine(folder, "network"));
        // Ports are network cards too, so only the management card is configured.
        await File.WriteAllTextAsync(Path.Combine(folder, "network", "10-management.network"),
            "[Match]\nMACAddress=52:54:00:00:00:01\n\n[Network]\nDHCP=yes\n");
        await File.WriteAllTextAsync(Path.Combine(folder, "network", "20-ports.network"),
            "[Match]\nMACAddress=52:54:00:ac:00:00 52:54:00:ac:00:01\n\n[Link]\nUnmanaged=yes\n");
        await File.WriteAllTextAsync(Path.Combine(folder, "inframanager.json"),
            InfraManagerJson.Create().Set("Logging:Format", "systemd").ToJsonString());
        return folder;
    }

    /// <summary>The device creates its key; its request is signed outside, and the certificate is installed.</summary>
    public static async Task IssueAsync(TestHost host, QemuMachine machine)
    {
        await machine.RetryAsync($"test -s {Server}/tls.csr", "the first boot makes a certificate request", 900);
        await Eventually.TrueAsync(() => Task.FromResult(machine.Console.Contains("END CERTIFICATE REQUEST", StringComparison.Ordinal)),
            () => $"the request is on the console:\n{machine.Tail()}", 300);
        await File.WriteAllTextAsync(host.At("tls.csr"), await machine.OutputAsync($"cat {Server}/tls.csr") + "\n");
        Assert.Equal("600 accoffload", await machine.OutputAsync($"stat -c '%a %U' {Server}/tls.key"));
        Assert.NotEqual("active", (await machine.RunAsync("systemctl is-active inframanager")).Output.Trim());

        await Shell.RunAsync(null, $"{Repository.Root}/rootfs/pki/make-certs", ["--dir", host.At("pki"), "--request", host.At("tls.csr")])
            .Succeeded();
        foreach (var (from, to) in new[] { ("acc-server/tls.crt", "other.crt"), ("acc-device/tls.crt", "tls.crt"),
            ("acc-device/ca.crt", "ca.crt") })
        {
            await machine.OutputAsync($"cat >/run/{to} <<'END'\n{await File.ReadAllTextAsync(host.At($"pki/{from}"))}END");
        }

        var refused = await machine.RunAsync("inframanager certs install --certificate /run/other.crt --ca /run/ca.crt");
        Assert.NotEqual(0, refused.ExitCode);
        Assert.Contains("not issued for this device's key", refused.Output);
        await machine.OutputAsync("inframanager certs install --certificate /run/tls.crt --ca /run/ca.crt");
    }
}

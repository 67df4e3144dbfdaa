using System.Security.Cryptography;
using ACCOffload.Image.Tests.Lab;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Image.Tests.Flashing;

/// <summary>rootfs/flash on loop devices: checks before writing, verification, and interrupted writes.</summary>
public sealed class FlashTests : IAsyncLifetime
{
    private const int MiB = 1024 * 1024;
    private const int ImageMiB = 48;

    private readonly string _folder = Directory.CreateTempSubdirectory("accoffload-flash-").FullName;

    private string Image => Path.Combine(_folder, "acc.img");

    public async ValueTask InitializeAsync()
    {
        Needs.LoopDevices();
        Needs.Program("sfdisk", "fdisk");
        Needs.Program("mcopy", "mtools");

        // A disk like the ACC's: a partition table, a FAT partition at 1 MiB, and random bytes, so that a match cannot be accidental.
        await using (var stream = new FileStream(Image, FileMode.Create))
        {
            stream.SetLength(ImageMiB * MiB);
            stream.Position = 40 * MiB;
            await stream.WriteAsync(RandomNumberGenerator.GetBytes(7 * MiB));
        }
        await Shell.RunAsync(null, "sfdisk", ["--quiet", Image],
            "label: gpt\nstart=2048, size=69632, type=uefi, name=accoffload-esp\nstart=81920, size=14336, name=accoffload-data\n")
                .Succeeded();
        await Shell.RunAsync(null, "mkfs.vfat", ["-F", "32", "-s", "1", "--offset", "2048", Image, $"{34 * 1024}"]).Succeeded();
        await Shell.RunAsync(null, "mmd", ["-i", $"{Image}@@1M", "::accoffload"]).Succeeded();
        await SumAsync(Image);
    }

    public ValueTask DisposeAsync()
    {
        Directory.Delete(_folder, recursive: true);
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task A_disk_gets_the_image_and_the_device_configuration()
    {
        await using var disk = await DiskAsync(ImageMiB + 16);
        await Shell.RunAsync(null, "xz", ["-0", "--keep", Image]).Succeeded();
        await SumAsync(Image + ".xz");

        var run = (await FlashAsync("--yes", Image + ".xz", disk.Path)).MustSucceed();

        Assert.Contains("past the page cache", run.Output);
        Assert.Contains("Next: ", run.Output);
        await FlashAsync("--verify", Image, disk.Path).Succeeded();

        var provision = Directory.CreateDirectory(Path.Combine(_folder, "provision"));
        await File.WriteAllTextAsync(Path.Combine(provision.FullName, "inframanager.json"), "{ }");
        (await FlashAsync("--yes", "--provision", provision.FullName, Image, disk.Path)).MustSucceed();
        Assert.Equal("{ }",
            (await Shell.RunAsync(null, "mtype", ["-i", $"{disk.Path}@@1M", "::accoffload/inframanager.json"]).Succeeded()).Output);
    }

    [Fact]
    public async Task A_file_gets_the_image()
    {
        var file = Path.Combine(_folder, "copy.img");
        (await FlashAsync("--yes", Image, file)).MustSucceed();
        Assert.Equal(await File.ReadAllBytesAsync(Image), await File.ReadAllBytesAsync(file));
    }

    [Fact]
    public async Task A_damaged_image_is_rejected_and_the_disk_is_unchanged()
    {
        await using var disk = await DiskAsync(ImageMiB);
        await using (var stream = new FileStream(Image, FileMode.Open))
        {
            stream.Position = 41 * MiB;
            stream.WriteByte(0);
            stream.WriteByte(1);
        }
        await AssertRejectedAsync(disk, "is damaged", "--yes", Image, disk.Path);
        File.Delete(Path.Combine(_folder, "SHA256SUMS"));
        await AssertRejectedAsync(disk, "no checksum", "--yes", Image, disk.Path);
    }

    [Fact]
    public async Task A_wrong_signature_is_rejected()
    {
        await using var disk = await DiskAsync(ImageMiB);
        foreach (var name in new[] { "ours", "other" })
        {
            await Shell.RunAsync(null, "openssl",
                ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", At($"{name}.key")]).Succeeded();
            await Shell.RunAsync(null, "openssl", ["pkey", "-in", At($"{name}.key"), "-pubout", "-out", At($"{name}.pem")]).Succeeded();
        }
        await Shell.RunAsync(null, "openssl", ["dgst", "-sha256", "-sign", At("ours.key"), "-out", At("SHA256SUMS.sig"), At("SHA256SUMS")])
            .Succeeded();

        await AssertRejectedAsync(disk, "not a signature", "--yes", "--key", At("other.pem"), Image, disk.Path);
        (await FlashAsync("--yes", "--key", At("ours.pem"), Image, disk.Path)).MustSucceed();
    }

    [Fact]
    public async Task A_disk_that_is_too_small_is_rejected()
    {
        await using var disk = await DiskAsync(ImageMiB - 1);
        await AssertRejectedAsync(disk, "too small", "--yes", Image, disk.Path);
    }

    [Fact]
    public async Task A_disk_in_use_is_rejected()
    {
        await using var disk = await DiskAsync(ImageMiB);
        await Shell.RunAsync(null, "mkfs.ext4", ["-q", disk.Path]).Succeeded();
        var mounted = Directory.CreateDirectory(At("mounted")).FullName;
        await Shell.RunAsync(null, "mount", [disk.Path, mounted]).Succeeded();
        try
        {
            var refused = await FlashAsync("--yes", Image, disk.Path);
            Assert.NotEqual(0, refused.ExitCode);
            Assert.Contains($"mounted on {mounted}", refused.Error);
            Assert.Contains("unmount", refused.Error);
            // Also rejected through the backing file.
            Assert.Contains("in use", (await FlashAsync("--yes", Image, disk.File)).Error);
        }
        finally
        {
            await Shell.RunAsync(null, "umount", [mounted]);
        }
    }

    [Fact]
    public async Task A_script_without_yes_is_rejected_without_a_prompt()
    {
        await using var disk = await DiskAsync(ImageMiB);
        await AssertRejectedAsync(disk, "--yes", Image, disk.Path);
    }

    [Fact]
    public async Task An_interrupted_write_leaves_a_disk_that_does_not_boot()
    {
        await using var disk = await DiskAsync(ImageMiB);
        (await FlashAsync("--yes", Image, disk.Path)).MustSucceed();

        // Killed before the last part is written.
        var run = await FlashWithAsync("""case "$*" in *seek=1*) "$real" "$@"; kill -KILL "$PPID"; exit 1 ;; esac""", "--yes",
            Image, disk.Path);
        Assert.NotEqual(0, run.ExitCode);
        Assert.Contains("does not hold the image", (await FlashAsync("--verify", Image, disk.Path)).Error);
        Assert.DoesNotContain("accoffload-esp", (await Shell.RunAsync(null, "sfdisk", ["--dump", disk.Path])).Output);

        // The device stops accepting data.
        run = await FlashWithAsync("""case "$*" in *seek=1*) head -c 9000000 | "$real" "$@"; echo "dd: no space" >&2; exit 1 ;; esac""",
            "--yes", Image, disk.Path);
        Assert.NotEqual(0, run.ExitCode);
        Assert.Contains("will not boot", run.Error);

        // A complete run afterwards succeeds.
        (await FlashAsync("--yes", Image, disk.Path)).MustSucceed();
        await FlashAsync("--verify", Image, disk.Path).Succeeded();
    }

    [Fact]
    public async Task Verification_detects_data_loss_hidden_by_the_page_cache()
    {
        await using var disk = await DiskAsync(ImageMiB);
        // Reads the whole disk into the page cache, then changes a byte underneath.
        var change = $$"""case "$*" in *seek=1*) "$real" "$@" && cat {{disk.Path}} >/dev/null && printf x | "$real" of={{disk.File}} bs=1 seek={{(44 * MiB) + 5}} conv=notrunc status=none; exit ;; esac""";
        var run = await FlashWithAsync(change, "--yes", Image, disk.Path);
        Assert.NotEqual(0, run.ExitCode);
        Assert.Contains("does not return what was written", run.Error);
        Assert.DoesNotContain("accoffload-esp", (await Shell.RunAsync(null, "sfdisk", ["--dump", disk.Path])).Output);
    }

    private static Task<ShellResult> FlashAsync(params string[] arguments) =>
        Shell.RunAsync(null, $"{Repository.Root}/rootfs/flash", arguments, limit: TimeSpan.FromMinutes(2));

    private string At(string name) => Path.Combine(_folder, name);

    private Task<LoopDevice> DiskAsync(int size) => LoopDevice.AttachAsync(At("disk"), (long)size * MiB);

    private async Task SumAsync(string file) =>
        await File.AppendAllTextAsync(
            At("SHA256SUMS"), $"{Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(file)))}  "
                + $"{Path.GetFileName(file)}\n");

    /// <summary>Runs flash with a wrapper script for dd.</summary>
    private async Task<ShellResult> FlashWithAsync(string dd, params string[] arguments)
    {
        var bin = Directory.CreateDirectory(At("bin")).FullName;
        await File.WriteAllTextAsync(Path.Combine(bin, "dd"), $"#!/bin/sh\nreal=/bin/dd\n{dd}\nexec \"$real\" \"$@\"\n");
        File.SetUnixFileMode(Path.Combine(bin, "dd"), (UnixFileMode)0b111_101_101);
        return await Shell.RunAsync(
            null, $"{Repository.Root}/rootfs/flash", arguments,
            environment: new Dictionary<string, string> { ["PATH"] = $"{bin}:/usr/sbin:/usr/bin:/sbin:/bin" },
            limit: TimeSpan.FromMinutes(2));
    }

    private static async Task AssertRejectedAsync(LoopDevice disk, string reason, params string[] arguments)
    {
        var before = SHA256.HashData(await File.ReadAllBytesAsync(disk.File));
        var run = await FlashAsync(arguments);
        Assert.NotEqual(0, run.ExitCode);
        Assert.Contains(reason, run.Error);
        Assert.Single(run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal(before, SHA256.HashData(await File.ReadAllBytesAsync(disk.File)));
    }
}

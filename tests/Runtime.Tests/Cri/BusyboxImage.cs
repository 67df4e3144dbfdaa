using System.Buffers.Binary;
using System.Formats.Tar;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace ACCOffload.Runtime.Tests.Cri;

/// <summary>A container image with one static program, in the format of `docker save`, so that no registry is needed.</summary>
internal static class BusyboxImage
{
    public const string Busybox = "/bin/busybox";
    public const string Name = "accoffload.test/busybox:1";

    private const UnixFileMode Executable = (UnixFileMode)0b111_101_101;
    private static readonly string[] Applets = ["cat", "hostname", "httpd", "ip", "ping", "sh", "sleep", "wget"];

    /// <summary>Whether busybox is static: a program with a loader (ELF PT_INTERP, 3) can't run in an image without one.</summary>
    public static bool IsStatic()
    {
        if (!File.Exists(Busybox))
        {
            return false;
        }

        ReadOnlySpan<byte> elf = File.ReadAllBytes(Busybox);
        var header = (int)BinaryPrimitives.ReadInt64LittleEndian(elf[32..]);
        var (size, count) = (BinaryPrimitives.ReadUInt16LittleEndian(elf[54..]), BinaryPrimitives.ReadUInt16LittleEndian(elf[56..]));
        for (var i = 0; i < count; i++)
        {
            if (BinaryPrimitives.ReadUInt32LittleEndian(elf[(header + (i * size))..]) == 3)
            {
                return false;
            }
        }

        return true;
    }

    public static async Task WriteAsync(string path)
    {
        var layer = await LayerAsync();
        var configuration = new JsonObject
        {
            ["architecture"] = RuntimeInformation.OSArchitecture == Architecture.Arm64 ? "arm64" : "amd64",
            ["os"] = "linux",
            ["config"] = new JsonObject
            {
                ["Env"] = new JsonArray("PATH=/bin"),
                ["Entrypoint"] = new JsonArray("/bin/sleep", "2147483647"),
            },
            ["rootfs"] = new JsonObject { ["type"] = "layers", ["diff_ids"] = new JsonArray($"sha256:{Digest(layer)}") },
        };
        var configurationBytes = Encoding.UTF8.GetBytes(configuration.ToJsonString());
        var configurationName = $"{Digest(configurationBytes)}.json";
        var manifest = new JsonArray(new JsonObject
        {
            ["Config"] = configurationName,
            ["RepoTags"] = new JsonArray(Name),
            ["Layers"] = new JsonArray("layer.tar"),
        });
        await using var file = File.Create(path);
        await using var tar = new TarWriter(file, TarEntryFormat.Ustar);
        await WriteFileAsync(tar, configurationName, configurationBytes);
        await WriteFileAsync(tar, "layer.tar", layer);
        await WriteFileAsync(tar, "manifest.json", Encoding.UTF8.GetBytes(manifest.ToJsonString()));
    }

    private static async Task<byte[]> LayerAsync()
    {
        using var memory = new MemoryStream();
        await using (var tar = new TarWriter(memory, TarEntryFormat.Ustar, leaveOpen: true))
        {
            foreach (var folder in new[] { "bin/", "etc/", "proc/", "sys/", "dev/", "tmp/", "www/" })
            {
                await tar.WriteEntryAsync(new UstarTarEntry(TarEntryType.Directory, folder) { Mode = Executable });
            }

            await WriteFileAsync(tar, "bin/busybox", await File.ReadAllBytesAsync(Busybox));
            foreach (var applet in Applets)
            {
                await tar.WriteEntryAsync(new UstarTarEntry(TarEntryType.SymbolicLink, $"bin/{applet}") { LinkName = "busybox" });
            }

            await WriteFileAsync(tar, "etc/passwd", "root:x:0:0:root:/:/bin/sh\n"u8.ToArray());
        }

        return memory.ToArray();
    }

    private static async Task WriteFileAsync(TarWriter tar, string name, byte[] content) =>
        await tar.WriteEntryAsync(new UstarTarEntry(TarEntryType.RegularFile, name)
        {
            Mode = Executable,
            DataStream = new MemoryStream(content)
        });

    private static string Digest(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));
}

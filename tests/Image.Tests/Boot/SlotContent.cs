using System.Security.Cryptography;

namespace ACCOffload.Image.Tests.Boot;

/// <summary>The content of a root file system.</summary>
/// <param name="Length">Length in bytes; the rest of a slot is ignored.</param>
/// <param name="Digest">SHA-256 of the content.</param>
internal sealed record SlotContent(long Length, string Digest)
{
    public static SlotContent Of(string file)
    {
        using var stream = File.OpenRead(file);
        return new SlotContent(stream.Length, Convert.ToHexStringLower(SHA256.HashData(stream)));
    }

    /// <summary>Whether a slot (A or B) of a disk holds exactly this content.</summary>
    public async Task<bool> IsInAsync(string disk, string slot)
    {
        var partition = await Partition.OfAsync(disk, $"accoffload-{slot.ToLowerInvariant()}");
        await using var stream = File.OpenRead(disk);
        stream.Position = partition.Start;
        var content = new byte[Length];
        await stream.ReadExactlyAsync(content);
        return Digest == Convert.ToHexStringLower(SHA256.HashData(content));
    }
}

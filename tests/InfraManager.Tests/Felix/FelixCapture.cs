using System.Buffers.Binary;
using System.Text.Json.Nodes;

namespace ACCOffload.InfraManager.Tests.Felix;

/// <summary>
/// Frames that a recording driver captured from real Felix daemons of three versions: one of each kind of message, not whole starts.
/// </summary>
internal static class FelixCapture
{
    public static IReadOnlyList<CapturedFrame> Frames { get; } =
    [
        .. File.ReadLines(Repository.At("tests/InfraManager.Tests/Felix/Data/felix-frames.jsonl"))
            .Select(l => JsonNode.Parse(l)!)
            .Select(f => new CapturedFrame(
                (string)f["felix"]!, (string)f["name"]!, Convert.FromHexString((string)f["frame"]!), (string)f["decoded"]!)),
    ];

    /// <summary>The messages of a version whose names begin so, without their lengths.</summary>
    public static IEnumerable<byte[]> Messages(string version, params string[] prefixes) => Frames
        .Where(f => f.Felix == version && prefixes.Any(p => f.Name.StartsWith(p, StringComparison.Ordinal)))
        .Select(f => f.Message);
}

/// <param name="Felix">The version of Felix.</param>
/// <param name="Name">What the frame is.</param>
/// <param name="Frame">The whole frame.</param>
/// <param name="Decoded">The message in protobuf's text form.</param>
internal sealed record CapturedFrame(string Felix, string Name, byte[] Frame, string Decoded)
{
    public byte[] Message
    {
        get
        {
            Assert.Equal((ulong)Frame.Length - 8, BinaryPrimitives.ReadUInt64LittleEndian(Frame));
            return Frame[8..];
        }
    }
}

using System.Text.Json.Nodes;
using ACCOffload.Fuzz.Tests.Engine;
using ACCOffload.InfraManager.State.Policy.Felix.Wire;

namespace ACCOffload.Fuzz.Tests.Felix;

/// <summary>Generates streams of frames from those that were captured from real Felix daemons, most of them damaged.</summary>
internal static class FelixInputs
{
    private static readonly byte[] InSync = [0x0a, 0x00];

    private static readonly byte[][] Messages =
    [
        .. File.ReadLines(Path.Combine(AppContext.BaseDirectory, "Felix", "felix-frames.jsonl"))
            .Select(l => Convert.FromHexString((string)JsonNode.Parse(l)!["frame"]!)[sizeof(ulong)..])
            .Where(m => m.Length <= ByteMutator.MaxLength),
        InSync,
    ];

    public static byte[] Stream(Dice dice)
    {
        var stream = new List<byte>();
        for (var frames = dice.Between(1, 6); frames > 0; frames--)
        {
            stream.AddRange(FelixFrames.Encode(Message(dice)));
        }

        return dice.OneIn(6) ? ByteMutator.Mutate(dice, [.. stream]) : [.. stream];
    }

    private static byte[] Message(Dice dice)
    {
        var message = dice.OneIn(8) ? InSync : dice.Pick<byte[]>(Messages);
        return dice.OneIn(2) ? message : ProtoMutator.Mutate(dice, message, dice.Pick<byte[]>(Messages));
    }
}

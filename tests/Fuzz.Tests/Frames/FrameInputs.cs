using System.Buffers.Binary;
using System.Text;
using ACCOffload.Fuzz.Tests.Engine;
using ACCOffload.HostStub.Wire;

namespace ACCOffload.Fuzz.Tests.Frames;

/// <summary>Generates streams of valid and corrupted frames.</summary>
internal static class FrameInputs
{
    public static byte[] Stream(Dice dice)
    {
        var stream = new List<byte>();
        for (var frames = dice.Between(1, 4); frames > 0; frames--)
        {
            stream.AddRange(Frame(dice));
        }

        return dice.OneIn(3) ? ByteMutator.Mutate(dice, [.. stream]) : [.. stream];
    }

    public static byte[] Frame(Dice dice)
    {
        var environment = Enumerable.Range(0, dice.Below(5))
            .Select(i => new KeyValuePair<string, string>($"CNI_{i}",
                dice.OneIn(4) ? dice.OddText().Replace("\0", "", StringComparison.Ordinal) : "value=with=more"));
        var frame = AgentRequest.Encode(dice.OneIn(4) ? AgentRequestKind.Status : dice.OneIn(4)
            ? AgentRequestKind.Devices
            : AgentRequestKind.Cni, environment,
            Encoding.UTF8.GetBytes(dice.OneIn(3) ? "" : "{\"cniVersion\":\"1.0.0\",\"name\":\"podnet\"}"));
        switch (dice.Below(6))
        {
            case 0:
                // The environment's length.
                BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(6), (int)dice.OddNumber());
                break;
            case 1:
                // The frame's own length.
                BinaryPrimitives.WriteInt32BigEndian(frame, dice.OneIn(2) ? frame.Length - 4 + dice.Between(-3, 3) : (int)dice.OddNumber());
                break;
            case 2:
                // A corrupted body with a correct length.
                var body = ByteMutator.Mutate(dice, frame[4..]);
                frame = [0, 0, 0, 0, .. body];
                BinaryPrimitives.WriteInt32BigEndian(frame, body.Length);
                break;
        }

        return frame;
    }
}

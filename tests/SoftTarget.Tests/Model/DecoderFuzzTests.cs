using System.Buffers;
using ACCOffload.SoftTarget.Engine;
using ACCOffload.SoftTarget.Server;
using ACCOffload.SoftTarget.Tests.Support;
using Google.Protobuf;
using P4.V1;
using static ACCOffload.SoftTarget.Tests.Support.Fields;
using UpdateType = P4.V1.Update.Types.Type;

namespace ACCOffload.SoftTarget.Tests.Model;

/// <summary>
/// The hand-written decoder against protobuf's own: what the one refuses the other refuses, and what both accept does the
/// same as when protobuf has written it anew.
/// </summary>
public sealed class DecoderFuzzTests
{
    private static readonly TestPipeline Pipeline = TestPipeline.Conformance;
    private static readonly BoundPipeline Bound = PipelineBinder.Bind(Pipeline.Config());

    private static readonly WriteRequest Seed = TargetClient.Request(
        TargetClient.Insert(Pipeline.Entry("bridge", [Exact(1, 0x123456789A)], Pipeline.Do("forward", 7))),
        TargetClient.Insert(Pipeline.Entry("route", [Lpm(1, 0x0A000000, 8)], Pipeline.Do("out_of", 300))),
        TargetClient.Insert(Pipeline.Entry("access", [Ternary(1, 0x100, 0x300), Fields.Range(3, 80, 90), Optional(4, 6), Exact(5, 1)], Pipeline.Do("mark", 1, 2), 3)),
        TargetClient.Modify(Pipeline.Entry("bridge", [Exact(1, 0x123456789A)], Pipeline.Do("flood_drop"))),
        TargetClient.Of(UpdateType.Insert, new ActionProfileMember { ActionProfileId = Pipeline.Profile("balancer"), MemberId = 4, Action = Pipeline.Call("out_of", 1) }),
        TargetClient.Insert(Pipeline.Entry("service", [Exact(1, 1)], new TableAction { ActionProfileMemberId = 4 })),
        TargetClient.Delete(Pipeline.Entry("route", [Lpm(1, 0x0A000000, 8)])));

    [Fact]
    public void It_agrees_with_protobufs_parser()
    {
        var random = new Random(20_240_117);
        var (refused, accepted) = (0, 0);
        for (var i = 0; i < 6_000; i++)
        {
            var bytes = Mutate(Seed.ToByteArray(), random);
            byte[]? normal;
            try
            {
                normal = WriteRequest.Parser.ParseFrom(bytes).ToByteArray();
            }
            catch (InvalidProtocolBufferException)
            {
                normal = null;
            }

            // A refusal may come late (an update that is not looked into is not judged), an acceptance must be the same.
            var raw = Run(bytes);
            if (raw is null)
            {
                Assert.True(normal is null || Run(normal) is null, $"refused: {Convert.ToHexString(bytes)}");
                refused++;
            }
            else if (normal is not null)
            {
                Assert.True(Run(normal) == raw, $"differs: {Convert.ToHexString(bytes)}");
                accepted++;
            }
        }

        Assert.True(refused > 300 && accepted > 300, $"{refused} refused, {accepted} accepted");
    }

    /// <summary>Outcomes and tables after a request; null if it was refused as malformed.</summary>
    private static string? Run(byte[] bytes)
    {
        var state = new PipelineState(Bound, new SwxPipeline(Bound.Program));
        using var frame = new WriteFrame(new ReadOnlySequence<byte>(bytes));
        string outcomes;
        try
        {
            var updates = frame.Decode();
            outcomes = string.Join('\n', WriteBatch.Apply(state, frame, updates) ?? []);
        }
        catch (WireException)
        {
            Assert.Equal("", Read(state));
            return null;
        }

        return outcomes + "\n" + Read(state);
    }

    private static string Read(PipelineState state)
    {
        using var batch = ReadBatch.Take(state, new ReadRequest
        {
            Entities =
            {
                new Entity { TableEntry = new TableEntry() },
                new Entity { ActionProfileMember = new ActionProfileMember() },
            },
        });
        using var chunk = new ReadChunk();
        foreach (var section in batch.Sections)
            chunk.Fill(section);
        return string.Join('\n', ReadResponse.Parser.ParseFrom(chunk.Bytes).Entities.Select(e => e.ToString()).Order());
    }

    private static byte[] Mutate(byte[] bytes, Random random)
    {
        for (var changes = random.Next(1, 4); changes > 0; changes--)
        {
            var at = random.Next(bytes.Length);
            bytes = random.Next(5) switch
            {
                0 => [.. bytes[..at], .. bytes[(at + 1)..]],
                1 => [.. bytes[..at], (byte)random.Next(256), .. bytes[at..]],
                2 => Set(bytes, at, (byte)(bytes[at] ^ (1 << random.Next(8)))),
                3 => Set(bytes, at, (byte)random.Next(24)),
                _ => [.. bytes, .. bytes[at..]],
            };
        }

        return bytes;
    }

    private static byte[] Set(byte[] bytes, int at, byte value)
    {
        bytes[at] = value;
        return bytes;
    }
}

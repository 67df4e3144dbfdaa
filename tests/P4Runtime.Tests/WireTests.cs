using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.TestKit;
using ACCOffload.P4Runtime.Wire;
using ACCOffload.P4Wire;
using CsCheck;
using Google.Protobuf;
using P4.V1;

namespace ACCOffload.P4Runtime.Tests;

public sealed class WireTests
{
    private static readonly Gen<EntryUpdate> AnyUpdate =
        Gen.Select(Gen.Enum<UpdateKind>(), GenEntry.Any, (kind, entry) => new EntryUpdate(kind, entry));

    [Fact]
    public void Encoded_updates_equal_those_of_the_generated_classes() =>
        AnyUpdate.Array[0, 40].Sample(
            updates =>
            {
                using var encoded = EncodedWrite.Encode(7, new ElectionId(3, ulong.MaxValue), "r"u8, updates);
                var expected = new WriteRequest
                {
                    DeviceId = 7,
                    Role = "r",
                    ElectionId = new Uint128 { High = 3, Low = ulong.MaxValue },
                    Updates = { updates.Select(ReferenceCodec.Update) },
                };
                Assert.Equal(expected, WriteRequest.Parser.ParseFrom(encoded.Span));
                Assert.Equal(expected.ToByteArray(), encoded.Span.ToArray());
            },
            iter: 2000);

    [Fact]
    public void Entries_read_back_equal_those_written() =>
        GenEntry.Any.Array[0, 40].Sample(
            entries =>
            {
                var response = new ReadResponse
                {
                    Entities = { entries.Select(e => new Entity { TableEntry = ReferenceCodec.Entry(e, withAction: true) }) },
                };
                var decoded = new List<Entry>();
                new EntryDecoder(TestPipeline.Instance).Decode(response.ToByteArray(), decoded);
                Assert.Equal(entries.Length, decoded.Count);
                Assert.All(entries.Zip(decoded), pair =>
                {
                    Assert.True(pair.First.SameAs(pair.Second), $"{pair.First} came back as {pair.Second}");
                    Assert.Equal(pair.First.Key, pair.Second.Key);
                });
            },
            iter: 2000);

    [Fact]
    public void Padded_values_and_any_order_of_fields_are_accepted()
    {
        var entry = TestPipeline.Pod(0x0a000001, 3);
        var message = ReferenceCodec.Entry(entry, withAction: true);
        message.Match[0].Exact.Value = ByteString.CopyFrom(0, 0, 10, 0, 0, 1);
        message.Action.Action.Params[0].Value = ByteString.CopyFrom(new byte[17].Append((byte)3).ToArray());
        var bytes = message.ToByteArray();

        // Move the table id, a tag and four bytes, to the end.
        byte[] turned = [.. bytes[5..], .. bytes[..5]];
        Assert.Equal(message, TableEntry.Parser.ParseFrom(turned));
        Assert.True(entry.SameAs(Assert.Single(Decode(turned))));
    }

    [Fact]
    public void Default_constant_and_learned_entries_are_omitted()
    {
        Assert.Empty(Decode(With(m => m.IsDefaultAction = true)));
        Assert.Empty(Decode(With(m => m.IsConst = true)));
        Assert.Empty(Decode(With(m => m.IdleTimeoutNs = 5)));
        Assert.Empty(Decode(With(m => m.TimeSinceLastHit = new TableEntry.Types.IdleTimeout())));
        Assert.Single(Decode(With(m => m.CounterData = new CounterData { ByteCount = 5 })));
    }

    [Fact]
    public void Only_learned_entries_are_learned_with_their_times()
    {
        var learned = Assert.Single(DecodeLearned(With(m =>
        {
            m.IdleTimeoutNs = 60_000_000_000;
            m.TimeSinceLastHit = new TableEntry.Types.IdleTimeout { ElapsedNs = 1_500_000_000 };
        })));
        Assert.True(learned.Entry.SameAs(TestPipeline.Pod(1)));
        Assert.Equal((60, 1.5, 58.5), (learned.Timeout.TotalSeconds, learned.Idle.TotalSeconds, learned.Remaining.TotalSeconds));
        // Not asked for, and expired.
        learned = Assert.Single(DecodeLearned(With(m => m.IdleTimeoutNs = 1)));
        Assert.True(learned.Timeout > TimeSpan.Zero);
        Assert.Equal(TimeSpan.Zero, learned.Idle);
        learned = Assert.Single(DecodeLearned(With(m =>
        {
            m.IdleTimeoutNs = 1000;
            m.TimeSinceLastHit = new TableEntry.Types.IdleTimeout { ElapsedNs = -1 };
        })));
        Assert.Equal(TimeSpan.Zero, learned.Remaining);

        Assert.Empty(DecodeLearned(With(_ => { })));
        Assert.Empty(DecodeLearned(With(m => m.TimeSinceLastHit = new TableEntry.Types.IdleTimeout())));
        Assert.Empty(DecodeLearned(With(m => (m.IdleTimeoutNs, m.IsDefaultAction) = (5, true))));
        Assert.Throws<WireException>(() => DecodeLearned(With(m => (m.IdleTimeoutNs, m.TableId) = (5, 77))));
    }

    private static List<LearnedEntry> DecodeLearned(byte[] entry)
    {
        var decoded = new List<LearnedEntry>();
        var response = new ReadResponse { Entities = { new Entity { TableEntry = TableEntry.Parser.ParseFrom(entry) } } };
        new EntryDecoder(TestPipeline.Instance).Decode(response.ToByteArray(), decoded);
        return decoded;
    }

    [Fact]
    public void An_entry_that_does_not_fit_the_pipeline_is_an_error_with_a_reason()
    {
        Malformed(m => m.TableId = 77, "0x0000004d");
        Malformed(m => m.Match[0].FieldId = 9, "field id 9");
        Malformed(m => m.Match.Add(m.Match[0]), "twice");
        Malformed(m => m.Match.Clear(), "without its exact field dst_ip");
        Malformed(m => m.Match[0].Exact.Value = ByteString.CopyFrom(1, 0, 0, 0, 0), "32 bits");
        Malformed(m => m.Match[0].Exact.Value = ByteString.Empty, "empty");
        Malformed(m => m.Match[0].Lpm = new FieldMatch.Types.LPM { Value = ByteString.CopyFrom(1), PrefixLen = 3 }, "not Exact");
        Malformed(m => m.Match[0].ClearFieldMatchType(), "no value");
        Malformed(m => m.Action.Action.ActionId = 5, "0x00000005");
        Malformed(m => m.Action.Action.Params.RemoveAt(1), "lacks parameters");
        Malformed(m => m.Action.Action.Params[0].ParamId = 2, "parameter id 2 twice");
        Malformed(m => m.Action.Action.Params[0].Value = ByteString.CopyFrom(1, 2, 3, 4, 5), "32 bits");
        Malformed(m => m.Action.ActionProfileGroupId = 4, "not supported");
    }

    [Fact]
    public void Encoding_allocates_nothing_for_an_update()
    {
        var updates = Enumerable.Range(0, 5000).Select(i => new EntryUpdate(UpdateKind.Insert, TestPipeline.Pod((uint)i))).ToArray();
        EncodedWrite.Encode(1, default, [], updates).Dispose();
        var before = GC.GetAllocatedBytesForCurrentThread();
        EncodedWrite.Encode(1, default, [], updates).Dispose();
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 200);
    }

    [Fact]
    public void The_buffer_grows_for_large_entries()
    {
        var entry = GenEntry.Of(TestPipeline.Acl).Array[3000].Single();
        var updates = entry.Select(e => new EntryUpdate(UpdateKind.Insert, e)).ToArray();
        using var encoded = EncodedWrite.Encode(1, new ElectionId(1, 1), [], updates);
        Assert.Equal(updates.Select(ReferenceCodec.Update), WriteRequest.Parser.ParseFrom(encoded.Span).Updates);
    }

    [Fact]
    public void An_update_without_an_action_is_rejected_before_it_is_sent()
    {
        var key = TestPipeline.Pod(1).Key.ToEntry();
        Assert.Contains("has no action", Assert.Throws<ArgumentException>(
            () => EncodedWrite.Encode(1, default, [], [new(UpdateKind.Insert, key)])).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => EncodedWrite.Encode(1, default, [], [default]));
        EncodedWrite.Encode(1, default, [], [new(UpdateKind.Delete, key)]).Dispose();
    }

    private static byte[] With(Action<TableEntry> change)
    {
        var message = ReferenceCodec.Entry(TestPipeline.Pod(1), withAction: true);
        change(message);
        return message.ToByteArray();
    }

    private static List<Entry> Decode(byte[] tableEntry)
    {
        var entries = new List<Entry>();
        Assert.InRange(tableEntry.Length, 0, 120);
        new EntryDecoder(TestPipeline.Instance).Decode(
            [0x0A, (byte)(tableEntry.Length + 2), 0x12, (byte)tableEntry.Length, .. tableEntry], entries);
        return entries;
    }

    private static void Malformed(Action<TableEntry> spoil, string says) =>
        Assert.Contains(says, Assert.Throws<WireException>(() => Decode(With(spoil))).Message, StringComparison.Ordinal);
}

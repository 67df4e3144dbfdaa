using ACCOffload.Fuzz.Tests.Engine;
using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;
using ACCOffload.P4Runtime.TestKit;
using Google.Protobuf;
using Grpc.Core;
using P4.V1;
using Index = P4.V1.Index;

namespace ACCOffload.Fuzz.Tests.P4;

/// <summary>
/// Responses to a Read: table entries, counters and registers. The result must equal what the generated classes read from the same bytes.
/// </summary>
internal sealed class ReadTarget() : FuzzTarget("p4-read")
{
    public override FuzzSession Start(Dice dice) => new Reads();

    private sealed class Reads : P4Session
    {
        private static readonly Pipeline Pipeline = TestPipeline.Instance;
        private static readonly Entity[] Corpus = [.. Enumerable.Range(0, 300)
            .Select(i => GenEntry.Build(Pipeline.Tables[i % Pipeline.Tables.Count], new Random(i)))
            .Select(e => new Entity { TableEntry = ReferenceCodec.Entry(e, withAction: true) })];

        public override bool Step(Dice dice)
        {
            BecomePrimary();
            if (Session.Pipeline is null)
            {
                var cookie = new ForwardingPipelineConfig.Types.Cookie { Cookie_ = 1 };
                var config = new GetForwardingPipelineConfigResponse { Config = new ForwardingPipelineConfig { Cookie = cookie } };
                Invoker.Answer = _ => WireAnswer.Of(config.ToByteArray());
                Session.EnsurePipelineAsync(Pipeline, default, 1, canReplace: true, beforePush: null, CancellationToken.None).GetAwaiter()
                    .GetResult();
            }

            return dice.OneIn(5) ? Cells(dice) : Entries(dice);
        }

        private bool Entries(Dice dice)
        {
            var messages = new byte[dice.Pick(1, 1, 2)][];
            for (var i = 0; i < messages.Length; i++)
            {
                var response = Response(dice);
                messages[i] = dice.OneIn(3)
                    ? response.ToByteArray()
                    : ProtoMutator.Mutate(dice, response.ToByteArray(), Response(dice).ToByteArray());
            }

            Input = string.Join(' ', messages.Select(Convert.ToHexString));
            Invoker.Answer = _ => WireAnswer.Of(messages);
            var table = Corpus.Length > 0 && dice.OneIn(40) ? Pipeline.Tables[0] : null;
            List<string>? read = [];
            var fault = "";
            try
            {
                var entries = table is null ? All() : Session.ReadTableAsync(table);
                foreach (var entry in entries.ToBlockingEnumerable())
                {
                    read.Add(PlainEntries.Of(entry));
                }
            }
            catch (P4RuntimeException e)
            {
                FuzzFailure.Unless(e.Code is StatusCode.DataLoss or StatusCode.Internal, $"{e.Code}: {e.Message}");
                OneLine(e.Message);
                fault = e.Message;
                read = null;
            }

            // Protobuf merges duplicate fields where our decoder takes the last; it treats a wrong wire type as unknown where ours rejects
            // it. No target sends such messages, so they are not compared.
            var plain = messages.Select(Parse).ToArray();
            if (table is null && messages.Zip(plain).All(p => p.Second is not null && Canonical.IsSame(p.First, Written(p.First))))
            {
                var expected = plain.Select(p => PlainEntries.Of(p!, Pipeline)).ToArray();
                FuzzFailure.Unless((read is null) == expected.Any(e => e is null),
                    read is null ? $"rejected a valid response: {fault}" : "accepted an invalid response");
                if (read is not null)
                {
                    var (a, b) = (string.Join('\n', read), string.Join('\n', expected.SelectMany(e => e!)));
                    FuzzFailure.Unless(a == b, $"read:\n{a}\nexpected:\n{b}");
                }
            }

            return read is not null;

            IAsyncEnumerable<Entry> All() => Session.ReadTableAsync(null);
        }

        private bool Cells(Dice dice)
        {
            var counters = dice.OneIn(2);
            var response = new ReadResponse();
            for (var i = dice.Below(4); i > 0; i--)
            {
                var index = new Index { Index_ = dice.OneIn(12) ? (long)dice.OddNumber() : dice.Below(10) };
                response.Entities.Add(counters
                    ? new Entity
                    {
                        CounterEntry = new CounterEntry
                        {
                            CounterId = 0x12000001,
                            Index = index,
                            Data = new CounterData { PacketCount = (long)dice.OddNumber(), ByteCount = 5 }
                        }
                    }
                    : new Entity
                    {
                        RegisterEntry = new RegisterEntry
                        {
                            RegisterId = 0x16000001,
                            Index = index,
                            Data = new P4Data { Bitstring = ByteString.CopyFrom(dice.Bytes(dice.Below(6))) }
                        }
                    });
            }

            var bytes = response.ToByteArray();
            if (dice.OneIn(2))
            {
                bytes = ProtoMutator.Mutate(dice, bytes, bytes);
            }

            Input = $"cells {counters}: {Convert.ToHexString(bytes)}";
            Invoker.Answer = _ => WireAnswer.Of(bytes);
            var expected = Parse(bytes) is { } read ? Expected(read, counters) : null;
            string? found;
            try
            {
                found = counters
                    ? string.Join(' ',
                        Session.ReadCountersAsync(Pipeline.Counter("drops"), byIndex: false, CancellationToken.None).GetAwaiter()
                            .GetResult().Select(c => $"{c.Index}:{c.Packets}"))
                    : string.Join(' ',
                        Session.ReadRegistersAsync(Pipeline.Register("epochs"), CancellationToken.None).GetAwaiter().GetResult()
                            .Select(c => $"{c.Index}:{Convert.ToHexString(c.Value.Span)}"));
            }
            catch (P4RuntimeException e)
            {
                OneLine(e.Message);
                found = null;
            }

            FuzzFailure.Unless(found == expected, $"read {found ?? "an error"}, expected {expected ?? "an error"}");
            return found is not null;
        }

        private static string? Expected(ReadResponse response, bool counters)
        {
            var cells = new SortedDictionary<long, string>();
            foreach (var entity in response.Entities)
            {
                var index = (counters ? entity.CounterEntry?.Index : entity.RegisterEntry?.Index)?.Index_ ?? 0;
                var right = counters
                    ? entity.CounterEntry?.CounterId == 0x12000001 && index is >= 0 and < 16
                    : entity.RegisterEntry?.RegisterId == 0x16000001 && index is >= 0 and < 8
                        && entity.RegisterEntry.Data?.DataCase == P4Data.DataOneofCase.Bitstring;
                if (!right
                    || !cells.TryAdd(index, counters
                        ? $"{entity.CounterEntry!.Data?.PacketCount ?? 0}"
                        : Convert.ToHexString(entity.RegisterEntry!.Data!.Bitstring.Span)))
                {
                    return null;
                }
            }

            return string.Join(' ', cells.Select(c => $"{c.Key}:{c.Value}"));
        }

        private static ReadResponse Response(Dice dice)
        {
            var response = new ReadResponse();
            for (var i = dice.Below(4); i > 0; i--)
            {
                response.Entities.Add(Corpus[dice.Below(Corpus.Length)]);
            }

            return response;
        }

        private static byte[] Written(byte[] bytes) => ReadResponse.Parser.WithDiscardUnknownFields(true).ParseFrom(bytes).ToByteArray();

        private static ReadResponse? Parse(byte[] bytes)
        {
            try
            {
                return ReadResponse.Parser.ParseFrom(bytes);
            }
            catch (InvalidProtocolBufferException)
            {
                return null;
            }
        }
    }
}

using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Session;
using ACCOffload.P4Runtime.TestKit;
using ACCOffload.P4Runtime.Tests.Support;
using Google.Protobuf;
using Grpc.Core;
using P4.V1;

namespace ACCOffload.P4Runtime.Tests;

public sealed class ReadTests
{
    [Fact]
    public async Task A_large_table_streams_back()
    {
        const int Count = 50_000;
        await using var target = await TestTarget.StartAsync(new TargetBehaviour
        {
            OnRead = async (_, stream, _) =>
            {
                foreach (var part in Enumerable.Range(0, Count).Chunk(3000))
                {
                    await stream.WriteAsync(Response(part.Select(i => TestPipeline.Pod((uint)i))));
                }
            },
        });
        await using var session = await target.PrimaryAsync(o => o with { DeviceId = 4 });
        var entries = await session.ReadTableAsync(TestPipeline.Pods).ToListAsync();
        Assert.Equal(Count, entries.Count);
        Assert.All(entries.Select((e, i) => (e, i)), x => Assert.True(x.e.SameAs(TestPipeline.Pod((uint)x.i))));
        var request = Assert.Single(target.Behaviour.Reads);
        Assert.Equal(4ul, request.DeviceId);
        Assert.Equal(new TableEntry { TableId = TestPipeline.Pods.Id }, Assert.Single(request.Entities).TableEntry);
    }

    [Fact]
    public async Task All_tables_are_read_in_one_request()
    {
        await using var target = await TestTarget.StartAsync();
        await using var session = await target.PrimaryAsync();
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await session.ReadTableAsync().ToListAsync());
        await session.EnsurePipelineAsync(TestPipeline.Instance, new byte[] { 1 }, 5, canReplace: true, beforePush: null, default);
        Assert.Empty(await session.ReadTableAsync().ToListAsync());
        Assert.Equal(TestPipeline.Instance.Tables.Select(t => t.Id), Assert.Single(target.Behaviour.Reads).Entities
            .Select(e => e.TableEntry.TableId));
    }

    [Fact]
    public async Task A_malformed_or_foreign_answer_is_an_error()
    {
        var answer = new ReadResponse();
        await using var target = await TestTarget.StartAsync(new TargetBehaviour { OnRead = (_, stream, _) => stream.WriteAsync(answer) });
        await using var session = await target.PrimaryAsync();
        answer = Response([TestPipeline.Pod(1)]);
        answer.Entities[0].TableEntry.TableId = 99;
        await Expect("0x00000063");
        answer = Response([TestPipeline.Routes.NewEntry().Lpm("dst_ip", 0, 0).Action("to_pod").Param("port", 1).Param("src_mac", 1)
            .Param("dst_mac", 1).Build()]);
        await Expect("an entry of table routes");
        answer = new ReadResponse { Entities = { new Entity { CounterEntry = new CounterEntry { CounterId = 1 } } } };
        await Expect("instead of a table entry");
        answer = Response([TestPipeline.Pod(1)]);
        Assert.Single(await session.ReadTableAsync(TestPipeline.Pods).ToListAsync());

        async Task Expect(string says)
        {
            var e = await Assert.ThrowsAsync<P4RuntimeException>(async () => await session.ReadTableAsync(TestPipeline.Pods).ToListAsync());
            Assert.Equal(StatusCode.DataLoss, e.Code);
            Assert.StartsWith("reading table pods failed: the answer is malformed: ", e.Message, StringComparison.Ordinal);
            Assert.Contains(says, e.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Silence_failure_and_cancellation_end_a_Read()
    {
        await using var target = await TestTarget.StartAsync(new TargetBehaviour
        {
            OnRead = async (_, stream, context) =>
            {
                await stream.WriteAsync(Response([TestPipeline.Pod(1)]));
                await Task.Delay(Timeout.Infinite, context.CancellationToken);
            },
        });
        await using var session = await target.PrimaryAsync(o => o with { ReadTimeout = TimeSpan.FromMilliseconds(300) });
        var silent = await Assert.ThrowsAsync<P4RuntimeException>(
            async () => await session.ReadTableAsync(TestPipeline.Pods).ToListAsync());
        Assert.Equal(StatusCode.DeadlineExceeded, silent.Code);
        Assert.Contains("sent nothing for 0.3 s", silent.Message, StringComparison.Ordinal);

        await using var patient = await target.PrimaryAsync();
        using var caller = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var _ in patient.ReadTableAsync(TestPipeline.Pods, caller.Token))
            {
                await caller.CancelAsync();
            }
        });

        target.Behaviour.OnRead = (_, _, _) => throw new RpcException(new Status(StatusCode.Internal, "it broke"));
        var broken = await Assert.ThrowsAsync<P4RuntimeException>(
            async () => await patient.ReadTableAsync(TestPipeline.Pods).ToListAsync());
        Assert.Equal("reading table pods failed: INTERNAL: it broke", broken.Message);

        // A consumer that stops early cancels the call.
        var ended = new TaskCompletionSource();
        target.Behaviour.OnRead = async (_, stream, context) =>
        {
            context.CancellationToken.Register(ended.SetResult);
            await stream.WriteAsync(Response([TestPipeline.Pod(1)]));
            await Task.Delay(Timeout.Infinite, context.CancellationToken);
        };
        await foreach (var _ in patient.ReadTableAsync(TestPipeline.Pods))
        {
            break;
        }

        await ended.Task.WaitAsync(Eventually.Limit);
    }

    [Fact]
    public async Task Counters_and_registers_are_sorted_by_index()
    {
        await using var target = await TestTarget.StartAsync(new TargetBehaviour
        {
            OnRead = async (request, stream, _) =>
            {
                var answer = new ReadResponse();
                for (var i = 7; i >= 0; i--)
                {
                    answer.Entities.Add(request.Entities[0].CounterEntry is not null
                        ? new Entity
                        {
                            CounterEntry = new CounterEntry
                            {
                                CounterId = 0x12000001,
                                Index = new P4.V1.Index { Index_ = i },
                                Data = new CounterData { PacketCount = i, ByteCount = i * 100 },
                            },
                        }
                        : new Entity
                        {
                            RegisterEntry = new RegisterEntry
                            {
                                RegisterId = 0x16000001,
                                Index = new P4.V1.Index { Index_ = i },
                                Data = new P4Data { Bitstring = ByteString.CopyFrom((byte)i) },
                            },
                        });
                }

                await stream.WriteAsync(answer);
            },
        });
        await using var session = await target.PrimaryAsync();
        var cells = await session.ReadCountersAsync(TestPipeline.Instance.Counter("drops"), byIndex: false, default);
        Assert.Equal(Enumerable.Range(0, 8).Select(i => new CounterCell(i, i, i * 100)), cells);
        var registers = await session.ReadRegistersAsync(TestPipeline.Instance.Register("epochs"), default);
        Assert.Equal(Enumerable.Range(0, 8), registers.Select(r => (int)r.Value.Span[0]));
        Assert.Equal(0x12000001u, target.Behaviour.Reads.First().Entities.Single().CounterEntry.CounterId);
    }

    [Fact]
    public async Task A_counter_is_read_by_index_if_the_target_has_no_wildcard_reads()
    {
        await using var target = await TestTarget.StartAsync(new TargetBehaviour
        {
            OnRead = (request, stream, _) => stream.WriteAsync(new ReadResponse
            {
                Entities =
                {
                    request.Entities.Select(e => e.CounterEntry.Index is { } index
                        ? new Entity
                        {
                            CounterEntry = new CounterEntry
                            {
                                CounterId = 0x12000001,
                                Index = index,
                                Data = new CounterData { PacketCount = index.Index_ * 3 },
                            },
                        }
                        : throw new RpcException(new Status(StatusCode.Unknown, "no wildcards"))),
                },
            }),
        });
        await using var session = await target.PrimaryAsync();

        var cells = await session.ReadCountersAsync(TestPipeline.Instance.Counter("drops"), byIndex: true, default);

        Assert.Equal(Enumerable.Range(0, 16).Select(i => new CounterCell(i, i * 3, 0)), cells);
        await Assert.ThrowsAsync<P4RuntimeException>(
            () => session.ReadCountersAsync(TestPipeline.Instance.Counter("drops"), byIndex: false, default));
    }

    [Fact]
    public async Task Invalid_cells_are_rejected()
    {
        var cell = new CounterEntry();
        await using var target = await TestTarget.StartAsync(new TargetBehaviour
        {
            OnRead = (_, stream, _) => stream.WriteAsync(
                new ReadResponse { Entities = { new Entity { CounterEntry = cell }, new Entity { CounterEntry = cell } } }),
        });
        await using var session = await target.PrimaryAsync();
        await Expect(new CounterEntry { CounterId = 0x12000001, Index = new P4.V1.Index { Index_ = 16 } }, "index 16 is not below 16");
        await Expect(new CounterEntry { CounterId = 0x12000001, Index = new P4.V1.Index { Index_ = -1 } }, "index -1");
        await Expect(new CounterEntry { CounterId = 2 }, "another object");
        await Expect(new CounterEntry { CounterId = 0x12000001 }, "twice");

        async Task Expect(CounterEntry entry, string says)
        {
            cell = entry;
            var e = await Assert.ThrowsAsync<P4RuntimeException>(
                () => session.ReadCountersAsync(TestPipeline.Instance.Counter("drops"), byIndex: false, default));
            Assert.Contains(says, e.Message, StringComparison.Ordinal);
        }
    }

    private static ReadResponse Response(IEnumerable<Entry> entries) =>
        new() { Entities = { entries.Select(e => new Entity { TableEntry = ReferenceCodec.Entry(e, withAction: true) }) } };
}

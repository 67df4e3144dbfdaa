using Grpc.Core;
using P4.V1;

namespace ACCOffload.FaithfulTarget;

/// <summary>The cells of indirect counters and registers. Not thread-safe.</summary>
internal sealed class CellStore(LoadedPipeline pipeline, FaithfulBehaviours behaviours)
{
    private readonly Dictionary<(uint Counter, long Index), CounterData> _counts = [];

    public void Count(uint counter, long index, CounterData data) => _counts[(counter, index)] = data.Clone();

    public Outcome Write(CounterEntry entry)
    {
        if (!pipeline.Counters.TryGetValue(entry.CounterId, out var counter) || entry.Index is not { Index_: >= 0 } index
            || index.Index_ >= counter.Size)
        {
            return Outcome.Invalid("the counter or its index is unknown");
        }

        Count(entry.CounterId, index.Index_, entry.Data ?? new CounterData());
        return Outcome.Ok;
    }

    public Outcome Read(CounterEntry asked, List<Entity> into)
    {
        if (!pipeline.Counters.TryGetValue(asked.CounterId, out var counter))
        {
            return Outcome.Invalid($"counter {asked.CounterId} is unknown");
        }

        return Read(asked.Index, counter.Size, into, index => new Entity
        {
            CounterEntry = new CounterEntry
            {
                CounterId = asked.CounterId,
                Index = index,
                Data = _counts.GetValueOrDefault((asked.CounterId, index.Index_)) ?? new CounterData()
            },
        });
    }

    /// <summary>Registers are always 0, because nothing runs the pipeline.</summary>
    public Outcome Read(RegisterEntry asked, List<Entity> into)
    {
        if (!pipeline.Registers.TryGetValue(asked.RegisterId, out var register))
        {
            return Outcome.Invalid($"register {asked.RegisterId} is unknown");
        }

        return Read(asked.Index, register.Size, into, index => new Entity
        {
            RegisterEntry = new RegisterEntry
            {
                RegisterId = asked.RegisterId,
                Index = index,
                Data = new P4Data { Bitstring = Google.Protobuf.ByteString.CopyFrom(0) }
            },
        });
    }

    private Outcome Read(P4.V1.Index? asked, long size, List<Entity> into, Func<P4.V1.Index, Entity> cell)
    {
        if (asked is null && behaviours.RefusesCounterWildcards)
        {
            return new Outcome(StatusCode.Internal, "'table->entryGet' failed with error message: Invalid arguments.");
        }

        if (asked is not null && (asked.Index_ < 0 || asked.Index_ >= size))
        {
            return new Outcome(StatusCode.OutOfRange, $"index {asked.Index_} is not between 0 and {size - 1}");
        }

        var indexes = asked is not null ? [asked.Index_] : Enumerable.Range(0, (int)size).Select(i => (long)i);
        into.AddRange(indexes.Select(i => cell(new P4.V1.Index { Index_ = i })));
        return Outcome.Ok;
    }
}

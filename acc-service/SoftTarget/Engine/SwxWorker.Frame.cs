using System.Runtime.CompilerServices;

namespace ACCOffload.SoftTarget.Engine;

public sealed unsafe partial class SwxWorker
{
    /// <summary>Why a packet was not completed.</summary>
    private enum Loss
    {
        None,
        Truncated,
        NoHeadroom,
        Endless,
        Fault,
    }

    /// <summary>Emits a header; adjacent headers form one run.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool Emit(HeaderRun* runs, ref int count, int most, byte* header, int length)
    {
        if (count > 0)
        {
            var last = runs + count - 1;
            if (last->Pointer + last->Length == header)
            {
                last->Length += length;
                return true;
            }
            if (count == most)
            {
                return false;
            }
        }
        runs[count++] = new HeaderRun { Pointer = header, Length = length };
        return true;
    }

    /// <summary>Prepends the emitted headers to the payload that was not extracted.</summary>
    private Loss Assemble(byte* buffer, ref byte* start, byte* rest, int count)
    {
        start = rest;
        if (count == 0)
        {
            return Loss.None;
        }

        var last = _runs + count - 1;
        if (last->Pointer + last->Length == rest)
        {
            start = last->Pointer;
            if (--count == 0)
            {
                return Loss.None;
            }
        }
        long total = 0;
        for (var i = 0; i < count; i++)
        {
            total += _runs[i].Length;
        }

        if (total > start - buffer)
        {
            return Loss.NoHeadroom;
        }

        start -= total;
        if (count == 1)
        {
            Buffer.MemoryCopy(_runs[0].Pointer, start, total, total);
            return Loss.None;
        }
        if (total > _emittedSpace)
        {
            return Loss.Fault;
        }

        var to = _emitted;
        for (var i = 0; i < count; i++)
        {
            Unsafe.CopyBlockUnaligned(to, _runs[i].Pointer, (uint)_runs[i].Length);
            to += _runs[i].Length;
        }
        Unsafe.CopyBlockUnaligned(start, _emitted, (uint)total);
        return Loss.None;
    }

    private void SendClones(byte* start, byte* end, ulong slots)
    {
        for (var slot = 0; slots != 0; slot++, slots >>= 1)
        {
            if ((slots & 1) == 0 || CloneSink is not { } sink || Volatile.Read(ref _pipeline.Sessions[_slots[slot]]) is not { } session)
            {
                continue;
            }

            var length = (int)(end - start);
            if (session.Truncation > 0)
            {
                length = Math.Min(length, session.Truncation);
            }

            Counters.Cloned++;
            sink.Clone(new ReadOnlySpan<byte>(start, length), session.Port);
        }
    }

    private void CountLoss(Loss loss)
    {
        switch (loss)
        {
            case Loss.Truncated:
                Counters.Truncated++;
                _pipeline.CountTruncated();
                break;
            case Loss.NoHeadroom:
                Counters.NoHeadroom++;
                break;
            case Loss.Endless:
                Counters.Endless++;
                break;
            default:
                Counters.Faulted++;
                break;
        }
    }

    /// <summary>Reads learned arguments from consecutive metadata fields and stores them big-endian, like a table's arguments.</summary>
    private void ReadLearnedArguments(SwxAction action, byte* metadata)
    {
        var arguments = action.Arguments;
        for (var i = 0; i < arguments.Count; i++)
        {
            var argument = arguments[i];
            var from = new ReadOnlySpan<byte>(metadata + argument.Offset, argument.Bytes);
            var to = new Span<byte>(_learnData + argument.Offset, argument.Bytes);
            from.CopyTo(to);
            if (argument.Bits <= 64)
            {
                to.Reverse();
            }
        }
    }
}

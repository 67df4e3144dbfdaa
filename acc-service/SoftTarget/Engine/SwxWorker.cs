using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace ACCOffload.SoftTarget.Engine;

/// <summary>Runs packets through the program. For one thread at a time; no allocation per packet.</summary>
public sealed unsafe partial class SwxWorker : IDisposable
{
    private const int ScratchWords = 64;

    private readonly SwxPipeline _pipeline;
    private readonly NativeBlock _memory;
    private readonly Instruction* _code;
    private readonly int* _actionEntries;
    private readonly byte** _structs;
    private readonly byte** _initialStructs;
    private readonly int* _headerLengths;
    private readonly int* _initialLengths;
    private readonly int* _slots;
    private readonly HeaderRun* _runs;
    private readonly int _maxRuns;
    private readonly int _headerCount;
    private readonly byte* _cleared;
    private readonly int _metadataSpace;
    private readonly int _clearedBytes;
    private readonly ulong* _key;
    private readonly ulong* _masked;
    private readonly ulong* _learnerKey;
    private readonly byte* _learnedData;
    private readonly byte* _learnData;
    private readonly byte* _emitted;
    private readonly int _emittedSpace;
    private TableSet? _set;
    private long _holding;
    private long _now;
    private bool _hasNow;

    internal SwxWorker(SwxPipeline pipeline)
    {
        _pipeline = pipeline;
        var program = pipeline.Program;
        var code = program.Code;
        Counters = new WorkerCounters(program.Tables.Count + program.Learners.Count);
        _headerCount = program.Headers.Count;
        var emits = code.Instructions.Where(i => i.Op == Opcode.Emit).ToArray();
        _maxRuns = emits.Length + 8;
        _emittedSpace = emits.Sum(e => e.Extra) + 4096;
        _metadataSpace = Align(program.Metadata.Bytes);
        var storage = program.Headers.Sum(h => Align(h.Type.Bytes));
        _clearedBytes = _metadataSpace + storage;
        var actionBytes = Align(program.Actions.Select(a => a.DataBytes).DefaultIfEmpty(0).Max());
        var structs = Operand.FirstHeader + _headerCount;

        var layout = new MemoryLayout();
        var entriesAt = layout.Add(code.ActionEntries.Length * sizeof(int));
        var structsAt = layout.Add(structs * sizeof(byte*));
        var initialStructsAt = layout.Add(structs * sizeof(byte*));
        var lengthsAt = layout.Add(_headerCount * sizeof(int));
        var initialLengthsAt = layout.Add(_headerCount * sizeof(int));
        var slotsAt = layout.Add(pipeline.Options.MirrorSlots * sizeof(int));
        var runsAt = layout.Add(_maxRuns * sizeof(HeaderRun));
        var clearedAt = layout.Add(_clearedBytes);
        var keysAt = layout.Add(3 * ScratchWords * sizeof(ulong));
        var learnedAt = layout.Add(actionBytes);
        var learnAt = layout.Add(actionBytes);
        var emittedAt = layout.Add(_emittedSpace);
        _memory = new NativeBlock(layout.Size);
        var memory = _memory.Pointer;

        _code = (Instruction*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(code.Instructions));
        _actionEntries = (int*)(memory + entriesAt);
        code.ActionEntries.CopyTo(new Span<int>(_actionEntries, code.ActionEntries.Length));
        _structs = (byte**)(memory + structsAt);
        _initialStructs = (byte**)(memory + initialStructsAt);
        _headerLengths = (int*)(memory + lengthsAt);
        _initialLengths = (int*)(memory + initialLengthsAt);
        _slots = (int*)(memory + slotsAt);
        _runs = (HeaderRun*)(memory + runsAt);
        _cleared = memory + clearedAt;
        _key = (ulong*)(memory + keysAt);
        _masked = _key + ScratchWords;
        _learnerKey = _masked + ScratchWords;
        _learnedData = memory + learnedAt;
        _learnData = memory + learnAt;
        _emitted = memory + emittedAt;

        _initialStructs[Operand.ActionData] = _learnedData;
        _initialStructs[Operand.Metadata] = _cleared;
        var at = _cleared + _metadataSpace;
        foreach (var header in program.Headers)
        {
            _initialStructs[Operand.FirstHeader + header.Index] = at;
            _initialLengths[header.Index] = header.Type.Bytes;
            at += Align(header.Type.Bytes);
        }
    }

    /// <summary>Receives mirrored copies; without a sink none are made.</summary>
    public ISwxCloneSink? CloneSink { get; set; }

    internal WorkerCounters Counters { get; }

    /// <summary>
    /// Begins a burst: all its packets see the current tables and the same time. A commit waits for the end of the burst, so keep it
    /// short and never block in it.
    /// </summary>
    /// <exception cref="InvalidOperationException">A burst is open.</exception>
    public void Enter()
    {
        if (_set is not null)
        {
            throw new InvalidOperationException("a burst is already open");
        }

        Volatile.Write(ref _holding, _pipeline.Version);
        // A commit publishes the tables and then checks the workers; we announce our version and then read the published tables. The
        // barrier keeps these two steps in order.
        Interlocked.MemoryBarrier();
        _set = _pipeline.Active;
        _hasNow = false;
    }

    /// <summary>Ends the burst.</summary>
    public void Exit()
    {
        _set = null;
        Volatile.Write(ref _holding, 0);
    }

    /// <summary>Processes one packet. Outside a burst, it is a burst of its own.</summary>
    /// <param name="buffer">The buffer; the space before the frame is headroom.</param>
    /// <param name="offset">Offset of the frame, before and after.</param>
    /// <param name="length">Length of the frame, before and after.</param>
    /// <param name="inputPort">Input port.</param>
    /// <param name="outputPort">Output port, for <see cref="SwxVerdict.Transmit"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">The frame is not within the buffer.</exception>
    public SwxVerdict Process(Span<byte> buffer, ref int offset, ref int length, uint inputPort, out uint outputPort)
        => Process<Live>(buffer, ref offset, ref length, inputPort, out outputPort);

    /// <summary>
    /// Processes one packet and reports every step, without side effects: registers, meters and learners are unchanged, and nothing is
    /// counted or mirrored. Allocates.
    /// </summary>
    /// <param name="buffer">The buffer; the space before the frame is headroom.</param>
    /// <param name="offset">Offset of the frame, before and after.</param>
    /// <param name="length">Length of the frame, before and after.</param>
    /// <param name="inputPort">Input port.</param>
    /// <param name="outputPort">Output port, for <see cref="SwxVerdict.Transmit"/>.</param>
    /// <param name="sink">Receives the steps.</param>
    /// <exception cref="ArgumentOutOfRangeException">The frame is not within the buffer.</exception>
    public SwxVerdict Trace(
        Span<byte> buffer, ref int offset, ref int length, uint inputPort, out uint outputPort, ISwxTraceSink sink)
    {
        ArgumentNullException.ThrowIfNull(sink);
        _sink = sink;
        try
        {
            return Process<Traced>(buffer, ref offset, ref length, inputPort, out outputPort);
        }
        finally
        {
            _sink = null;
        }
    }

    /// <summary>Removes the worker from the pipeline, which keeps its counts.</summary>
    public void Dispose()
    {
        if (_set is not null)
        {
            Exit();
        }

        _pipeline.Remove(this);
        _memory.Dispose();
    }

    /// <summary>Whether an open burst may read tables older than a version.</summary>
    internal bool Holds(long version) => Volatile.Read(ref _holding) is var held && held != 0 && held < version;

    private SwxVerdict Process<TMode>(Span<byte> buffer, ref int offset, ref int length, uint inputPort, out uint outputPort)
        where TMode : struct
    {
        if ((uint)offset > (uint)buffer.Length || (uint)length > (uint)(buffer.Length - offset))
        {
            throw new ArgumentOutOfRangeException(nameof(length), "the frame is not within the buffer");
        }

        ObjectDisposedException.ThrowIf(_memory.Pointer == null, this);
        var own = _set is null;
        if (own)
        {
            Enter();
        }

        try
        {
            fixed (byte* p = buffer)
            {
                return Run<TMode>(p, ref offset, ref length, inputPort, out outputPort);
            }
        }
        finally
        {
            if (own)
            {
                Exit();
            }

            GC.KeepAlive(this);
        }
    }

    private long Now()
    {
        if (!_hasNow)
        {
            _now = _pipeline.Options.TimeProvider.GetTimestamp();
            _hasNow = true;
        }
        return _now;
    }

    private static int Align(int bytes) => (bytes + 7) & ~7;

    private readonly struct Live;

    private readonly struct Traced;

    /// <summary>A run of adjacent headers to emit.</summary>
    private struct HeaderRun
    {
        public byte* Pointer;
        public int Length;
    }

    private struct MemoryLayout
    {
        public int Size { get; private set; }

        public int Add(int bytes)
        {
            var at = Size;
            Size += (bytes + 63) & ~63;
            return at;
        }
    }
}

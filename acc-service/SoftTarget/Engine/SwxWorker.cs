namespace ACCOffload.SoftTarget.Engine;

/// <summary>Runs packets through the program. For one thread at a time; allocates nothing per packet.</summary>
public sealed class SwxWorker : IDisposable
{
    internal SwxWorker()
    {
    }

    /// <summary>Takes mirrored copies; without one they are not made.</summary>
    public ISwxCloneSink? CloneSink { get; set; }

    /// <summary>
    /// Begins a burst: its packets see the tables as published now. A commit waits for the burst's end, so keep it short
    /// and never block in it.
    /// </summary>
    public void Enter() => throw new NotImplementedException();

    /// <summary>Ends the burst.</summary>
    public void Exit() => throw new NotImplementedException();

    /// <summary>Runs one packet. Outside of a burst it makes a burst of its own.</summary>
    /// <param name="buffer">The buffer; what is before the frame is headroom that it may grow into.</param>
    /// <param name="offset">Where the frame starts, before and after.</param>
    /// <param name="length">The frame's length, before and after.</param>
    /// <param name="inputPort">Port it came from.</param>
    /// <param name="outputPort">Port it leaves by, for <see cref="SwxVerdict.Transmit"/>.</param>
    public SwxVerdict Process(Span<byte> buffer, ref int offset, ref int length, uint inputPort, out uint outputPort)
        => throw new NotImplementedException();

    /// <summary>
    /// Runs one packet and reports its way, without side effects: registers, meters and learners stay as they are,
    /// nothing is counted or mirrored. Allocates.
    /// </summary>
    public SwxVerdict Trace(
        Span<byte> buffer, ref int offset, ref int length, uint inputPort, out uint outputPort, ISwxTraceSink sink)
        => throw new NotImplementedException();

    /// <summary>Leaves the pipeline; its counts stay.</summary>
    public void Dispose() => throw new NotImplementedException();
}

namespace ACCOffload.SoftTarget.Engine;

/// <summary>A named value in a trace, big-endian bytes.</summary>
/// <param name="Name">Key field or argument.</param>
/// <param name="Bits">Width in bits.</param>
/// <param name="Value">The bytes.</param>
public sealed record SwxTraceValue(string Name, int Bits, byte[] Value);

/// <summary>One step of a packet's processing.</summary>
public abstract record SwxTraceStep;

/// <summary>A table, selector or learner was applied.</summary>
/// <param name="Table">Its name.</param>
/// <param name="Key">The lookup key.</param>
/// <param name="Hit">Whether an entry matched; for a selector, whether the group was found.</param>
/// <param name="Action">The action that runs; empty for a selector.</param>
/// <param name="Arguments">The action's arguments; for a selector the member id.</param>
public sealed record SwxTableStep(
    string Table, IReadOnlyList<SwxTraceValue> Key, bool Hit, string Action, IReadOnlyList<SwxTraceValue> Arguments) : SwxTraceStep;

/// <summary>Any other event.</summary>
/// <param name="Kind">
/// extract, emit, drop, transmit, recirculate, mirror, learn, rearm, forget, register-write, count, truncated, no-headroom, endless or
/// fault.
/// </param>
/// <param name="Subject">The header, register array or learner it concerns; else empty.</param>
/// <param name="Value">Number of bytes, port, index and so on, depending on the kind.</param>
/// <param name="Text">Human-readable form.</param>
public sealed record SwxNoteStep(string Kind, string Subject, ulong Value, string Text) : SwxTraceStep;

/// <summary>Receives the steps of a traced packet.</summary>
public interface ISwxTraceSink
{
    /// <summary>One step, in order.</summary>
    void OnStep(SwxTraceStep step);
}

using ACCOffload.P4Runtime.Channels;
using ACCOffload.Retries;
using Grpc.Core;
using P4.V1;

namespace ACCOffload.P4Runtime.Session;

/// <summary>One connection: its channel, its stream, our election ID on it, and the Writes in progress.</summary>
internal sealed class LiveConnection : IDisposable
{
    private readonly CancellationTokenSource _end;
    private readonly SemaphoreSlim _sendLock = new(1, 1);
    private readonly Lock _gate = new();
    private ElectionId _electionId;
    private Backoff? _reelectBackoff;
    private int _inFlight;
    private int _bids;
    private int _answeredBids;

    public LiveConnection(TargetChannel channel, ElectionId electionId, CancellationToken cancellationToken)
    {
        _end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Channel = channel;
        Client = new P4.V1.P4Runtime.P4RuntimeClient(channel.Invoker);
        _electionId = electionId;
        Ended = _end.Token;
        Stream = Client.StreamChannel(cancellationToken: Ended);
    }

    public TargetChannel Channel { get; }

    public P4.V1.P4Runtime.P4RuntimeClient Client { get; }

    public AsyncDuplexStreamingCall<StreamMessageRequest, StreamMessageResponse> Stream { get; }

    public CancellationToken Ended { get; }

    /// <summary>The election ID of our last bid. Set only by the session's loop and its re-election.</summary>
    public ElectionId ElectionId
    {
        get
        {
            lock (_gate)
            {
                return _electionId;
            }
        }

        set
        {
            lock (_gate)
            {
                _electionId = value;
            }
        }
    }

    public bool IsReelecting { get; set; }

    /// <summary>Why we ended the connection; null if we did not.</summary>
    public string? EndReason { get; private set; }

    /// <summary>Whether the end was planned, so that the next connect does not wait.</summary>
    public bool IsPlannedEnd { get; private set; }

    public bool IsIdle => Volatile.Read(ref _inFlight) == 0;

    /// <summary>Counts a bid that is about to be sent.</summary>
    /// <returns>Its number, from 1.</returns>
    public int NextBid() => Interlocked.Increment(ref _bids);

    /// <summary>Counts a valid arbitration answer, which answers all bids so far.</summary>
    /// <returns>Whether it is the first one.</returns>
    public bool Answer() => Interlocked.Exchange(ref _answeredBids, Volatile.Read(ref _bids)) == 0;

    /// <summary>Whether a valid arbitration answer was received since a bid.</summary>
    public bool IsAnswered(int bid) => Volatile.Read(ref _answeredBids) >= bid;

    public Backoff ReelectBackoff(P4RuntimeSessionOptions options) =>
        _reelectBackoff ??= new Backoff(options.BackoffMin, options.BackoffMax);

    public void EnterWrite() => Interlocked.Increment(ref _inFlight);

    public void LeaveWrite() => Interlocked.Decrement(ref _inFlight);

    public void End(string reason, bool planned = false)
    {
        EndReason ??= reason;
        IsPlannedEnd |= planned;
        _end.Cancel();
    }

    public async Task SendAsync(StreamMessageRequest message, CancellationToken cancellationToken)
    {
        // A gRPC stream takes one message at a time.
        await _sendLock.WaitAsync(cancellationToken);
        try
        {
            await Stream.RequestStream.WriteAsync(message, cancellationToken);
        }
        finally
        {
            _sendLock.Release();
        }
    }

    public void Dispose()
    {
        _end.Cancel();
        Stream.Dispose();
        Channel.Dispose();
        _end.Dispose();
    }
}

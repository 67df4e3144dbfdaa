using Grpc.Core;

namespace ACCOffload.Fuzz.Tests.P4;

/// <summary>The target's side of a stream, which delivers one message at a time.</summary>
internal abstract class WireStream
{
    private volatile bool _isWaiting;

    /// <summary>Whether the session has processed all messages and waits for more.</summary>
    public bool IsWaiting
    {
        get => _isWaiting;
        protected set => _isWaiting = value;
    }

    public abstract bool IsClosed { get; }

    /// <summary>Delivers a message, which the session reads on this thread.</summary>
    public abstract void Send(byte[] message);

    /// <summary>Ends the stream with a status.</summary>
    public abstract void End(Status status);
}

internal sealed class WireStream<TRequest, TResponse>(Func<byte[], TResponse> read) : WireStream, IAsyncStreamReader<TResponse>,
    IClientStreamWriter<TRequest>
{
    private readonly Lock _gate = new();
    private TaskCompletionSource<bool>? _next;
    private volatile bool _isClosed;

    public TResponse Current { get; private set; } = default!;

    public WriteOptions? WriteOptions { get; set; }

    public override bool IsClosed => _isClosed;

    public Task<bool> MoveNext(CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested || _isClosed)
        {
            return Task.FromException<bool>(new RpcException(new Status(StatusCode.Cancelled, "Call canceled by the client.")));
        }

        var waiting = new TaskCompletionSource<bool>();
        lock (_gate)
        {
            _next = waiting;
            IsWaiting = true;
        }

        cancellationToken.Register(() =>
            Take()?.SetException(new RpcException(new Status(StatusCode.Cancelled, "Call canceled by the client."))));
        return waiting.Task;
    }

    public override void Send(byte[] message)
    {
        var next = Take();
        try
        {
            Current = read(message);
        }
        catch (RpcException e)
        {
            next?.SetException(e);
            return;
        }

        next?.SetResult(true);
    }

    public override void End(Status status) => Take()?.SetException(new RpcException(status));

    public void Close()
    {
        _isClosed = true;
        Take()?.TrySetCanceled();
    }

    public Task WriteAsync(TRequest message, CancellationToken cancellationToken) =>
        cancellationToken.IsCancellationRequested ? Task.FromCanceled(cancellationToken) : WriteAsync(message);

    public Task WriteAsync(TRequest message) =>
        _isClosed ? Task.FromException(new InvalidOperationException("the call has completed")) : Task.CompletedTask;

    public Task CompleteAsync() => Task.CompletedTask;

    private TaskCompletionSource<bool>? Take()
    {
        lock (_gate)
        {
            var next = _next;
            _next = null;
            IsWaiting = false;
            return next;
        }
    }
}

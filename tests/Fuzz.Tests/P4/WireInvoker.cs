using Grpc.Core;

namespace ACCOffload.Fuzz.Tests.P4;

/// <summary>A target's response to one RPC: serialized messages and a status.</summary>
internal sealed record WireAnswer(IReadOnlyList<byte[]> Messages, Status Status, Metadata? Trailers = null)
{
    /// <summary>One empty message.</summary>
    public static WireAnswer Nothing { get; } = Of([[]]);

    public static WireAnswer Of(params byte[][] messages) => new(messages, Status.DefaultSuccess);
}

/// <summary>
/// A gRPC client without a connection: responses are bytes that the method's own marshaller reads. A response that it can't read
/// fails with INTERNAL, as in gRPC.
/// </summary>
internal sealed class WireInvoker : CallInvoker
{
    public Func<string, WireAnswer> Answer { get; set; } = _ => WireAnswer.Nothing;

    /// <summary>The stream opened last by the session.</summary>
    public WireStream? Stream { get; private set; }

    public override TResponse BlockingUnaryCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host,
        CallOptions options, TRequest request) =>
        throw new NotSupportedException();

    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host,
        CallOptions options, TRequest request)
    {
        var answer = Answer(method.FullName);
        return new AsyncUnaryCall<TResponse>(Single(), Task.FromResult(new Metadata()), () => answer.Status,
            () => answer.Trailers ?? [], () => { });

        Task<TResponse> Single()
        {
            if (answer.Status.StatusCode != StatusCode.OK)
            {
                return Task.FromException<TResponse>(Failure(answer));
            }

            try
            {
                return Task.FromResult(Read(method, answer.Messages[0]));
            }
            catch (RpcException e)
            {
                return Task.FromException<TResponse>(e);
            }
        }
    }

    public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(Method<TRequest, TResponse> method,
        string? host, CallOptions options, TRequest request)
    {
        var answer = Answer(method.FullName);
        return new AsyncServerStreamingCall<TResponse>(new Messages<TResponse>(answer, bytes => Read(method, bytes)),
            Task.FromResult(new Metadata()), () => answer.Status, () => answer.Trailers ?? [], () => { });
    }

    public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest,
        TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options) =>
        throw new NotSupportedException();

    public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest,
        TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options)
    {
        var stream = new WireStream<TRequest, TResponse>(bytes => Read(method, bytes));
        Stream = stream;
        return new AsyncDuplexStreamingCall<TRequest, TResponse>(stream, stream, Task.FromResult(new Metadata()),
            () => Status.DefaultCancelled, () => [], stream.Close);
    }

    private static RpcException Failure(WireAnswer answer) => new(answer.Status, answer.Trailers ?? []);

    private static TResponse Read<TRequest, TResponse>(Method<TRequest, TResponse> method, byte[] bytes)
    {
        try
        {
            return method.ResponseMarshaller.ContextualDeserializer(new BytesContext(bytes));
        }
        catch (Exception e)
        {
            throw new RpcException(new Status(StatusCode.Internal, $"Error starting gRPC call. {e.GetType().Name}: {e.Message}", e));
        }
    }

    private sealed class BytesContext(byte[] bytes) : DeserializationContext
    {
        public override int PayloadLength => bytes.Length;

        public override byte[] PayloadAsNewBuffer() => [.. bytes];

        public override System.Buffers.ReadOnlySequence<byte> PayloadAsReadOnlySequence() => new(bytes);
    }

    private sealed class Messages<T>(WireAnswer answer, Func<byte[], T> read) : IAsyncStreamReader<T>
    {
        private int _next;

        public T Current { get; private set; } = default!;

        public Task<bool> MoveNext(CancellationToken cancellationToken)
        {
            if (_next == answer.Messages.Count)
            {
                return answer.Status.StatusCode == StatusCode.OK ? Task.FromResult(false) : Task.FromException<bool>(Failure(answer));
            }

            try
            {
                Current = read(answer.Messages[_next++]);
                return Task.FromResult(true);
            }
            catch (RpcException e)
            {
                return Task.FromException<bool>(e);
            }
        }
    }
}

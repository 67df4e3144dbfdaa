using ACCOffload.SoftTarget.Server.Wire;
using Grpc.Core;
using Microsoft.Extensions.Logging;
using P4.V1;

namespace ACCOffload.SoftTarget.Server;

internal sealed partial class P4RuntimeEndpoint
{
    public async Task StreamChannel(
        IAsyncStreamReader<StreamMessageRequest> requests, IServerStreamWriter<StreamMessageResponse> responses, ServerCallContext call)
    {
        var session = new StreamSession();
        var sending = SendAsync(session, responses, call.CancellationToken);
        try
        {
            while (await NextAsync(session, requests, call.CancellationToken))
            {
                Handle(session, requests.Current);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // The controller disconnected.
        }
        finally
        {
            device.Leave(session);
            session.Close();
            // Messages queued before the end, such as arbitration updates, are still delivered, except to a controller that does not read.
            await Task.WhenAny(sending, session.Overrun);
        }

        if (session.Overrun.IsCompleted)
        {
            throw Outcome.Full(
                $"the controller has left {StreamSession.MaxArbitrations} arbitration messages of this stream unread").ToException();
        }

        if (shutdown.Begun.IsCompleted)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, "the soft target is stopping"));
        }
    }

    /// <summary>
    /// Waits for the next message; false at the end of the stream, when the server stops, or when the controller does not read. The read
    /// is abandoned then, not canceled: canceling would abort the stream, and the controller would not get the final status.
    /// </summary>
    private async Task<bool> NextAsync(
        StreamSession session, IAsyncStreamReader<StreamMessageRequest> requests, CancellationToken cancellation)
    {
        if (session.Overrun.IsCompleted)
        {
            return false;
        }

        var next = requests.MoveNext(cancellation);
        if (!next.IsCompleted && await Task.WhenAny(next, shutdown.Begun, session.Overrun) != next)
        {
            _ = next.ContinueWith(t => t.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
            return false;
        }

        return await next;
    }

    private async Task SendAsync(
        StreamSession session, IServerStreamWriter<StreamMessageResponse> responses, CancellationToken cancellation)
    {
        try
        {
            await foreach (var message in session.Outbox.ReadAllAsync(cancellation))
            {
                if (session.Overrun.IsCompleted)
                {
                    return;
                }

                session.OnSent(message);
                await responses.WriteAsync(message, cancellation);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or InvalidOperationException or RpcException)
        {
            // The stream has ended; the reader will notice too.
            LogStreamLost(logger, e.Message);
        }
    }

    private void Handle(StreamSession session, StreamMessageRequest request)
    {
        switch (request.UpdateCase)
        {
            case StreamMessageRequest.UpdateOneofCase.Arbitration:
                device.Arbitrate(session, request.Arbitration);
                break;
            case StreamMessageRequest.UpdateOneofCase.Packet:
                var outcome = packets.Send(session, request.Packet);
                if (!outcome.IsOk)
                {
                    SendError(session, outcome, new StreamError { PacketOut = new PacketOutError { PacketOut = request.Packet } });
                }

                break;
            default:
                SendError(session, Outcome.Unimplemented("unknown kind of stream message"), new StreamError());
                break;
        }
    }

    private static void SendError(StreamSession session, Outcome outcome, StreamError error)
    {
        error.CanonicalCode = (int)outcome.Code;
        error.Message = outcome.Message;
        session.TrySend(new StreamMessageResponse { Error = error });
    }

    [LoggerMessage(10, LogLevel.Debug, "Can't write to a controller's stream: {Reason}")]
    private static partial void LogStreamLost(ILogger logger, string reason);
}

/// <summary>Notifies open streams that the server is stopping.</summary>
internal sealed class ServerShutdown
{
    private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes when the server begins to stop.</summary>
    public Task Begun => _begun.Task;

    public void Begin() => _begun.TrySetResult();
}

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
            while (await NextAsync(requests, call.CancellationToken))
            {
                Handle(session, requests.Current);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // The controller is gone.
        }
        finally
        {
            device.Leave(session);

            // What was queued before the end, such as the other controllers' news, is still delivered.
            session.Close();
            await sending;
        }

        if (shutdown.Begun.IsCompleted)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, "the soft target is stopping"));
        }
    }

    /// <summary>
    /// Waits for the next message; false at the end of the stream, or when the server stops. The read is abandoned then, not
    /// cancelled: that would abort the stream, and the controller would never learn why it ended.
    /// </summary>
    private async Task<bool> NextAsync(IAsyncStreamReader<StreamMessageRequest> requests, CancellationToken cancellation)
    {
        var next = requests.MoveNext(cancellation);
        if (!next.IsCompleted && await Task.WhenAny(next, shutdown.Begun) != next)
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
                session.OnSent(message);
                await responses.WriteAsync(message, cancellation);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or InvalidOperationException or RpcException)
        {
            // The stream has ended; whoever reads from it finds out too.
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
                SendError(session, Outcome.Unimplemented("stream message of an unknown kind"), new StreamError());
                break;
        }
    }

    private static void SendError(StreamSession session, Outcome outcome, StreamError error)
    {
        error.CanonicalCode = (int)outcome.Code;
        error.Message = outcome.Message;
        session.TrySend(new StreamMessageResponse { Error = error });
    }

    [LoggerMessage(10, LogLevel.Debug, "A controller's stream can't be written: {Reason}")]
    private static partial void LogStreamLost(ILogger logger, string reason);
}

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
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(call.CancellationToken, shutdown.Token);
        var sending = SendAsync(session, responses, ending);
        try
        {
            while (await requests.MoveNext(ending.Token))
                Handle(session, requests.Current);
        }
        catch (Exception e) when (ending.IsCancellationRequested && e is OperationCanceledException or IOException)
        {
            // The controller is gone, or we are going.
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.Cancelled)
        {
        }
        finally
        {
            device.Leave(session);

            // What was queued before the end, such as the other controllers' news, is still delivered.
            session.Close();
            await sending;
        }

        if (shutdown.Token.IsCancellationRequested)
            throw new RpcException(new Status(StatusCode.Unavailable, "the soft target is stopping"));
    }

    private async Task SendAsync(
        StreamSession session, IServerStreamWriter<StreamMessageResponse> responses, CancellationTokenSource ending)
    {
        try
        {
            await foreach (var message in session.Outbox.ReadAllAsync(ending.Token))
            {
                session.OnSent(message);
                await responses.WriteAsync(message, ending.Token);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or InvalidOperationException or RpcException)
        {
            // The stream can't be written: it has ended, and its reader will find out, at once.
            LogStreamLost(_logger, e.Message);
            await ending.CancelAsync();
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
                    SendError(session, outcome, new StreamError { PacketOut = new PacketOutError { PacketOut = request.Packet } });
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

using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Wire;
using Grpc.Core;

namespace ACCOffload.P4Runtime.Session;

public sealed partial class P4RuntimeSession
{
    /// <summary>
    /// Sends one Write with CONTINUE_ON_ERROR. The target may apply the updates in any order, so dependent updates belong in a later Write.
    /// Target errors, network errors and cancellation are reported in the result, not thrown.
    /// </summary>
    /// <exception cref="ArgumentException">
    /// More than <see cref="P4RuntimeSessionOptions.MaxUpdatesPerWrite"/> updates, one without an entry, or an insert or modify without an
    /// action.
    /// </exception>
    public async Task<WriteResult> WriteAsync(ReadOnlyMemory<EntryUpdate> updates, CancellationToken cancellationToken)
    {
        if (updates.IsEmpty)
        {
            return WriteResult.Success;
        }

        if (updates.Length > _options.MaxUpdatesPerWrite)
        {
            throw new ArgumentException(
                $"{updates.Length} updates exceed the limit of a Write ({_options.MaxUpdatesPerWrite})", nameof(updates));
        }

        var live = Volatile.Read(ref _live);
        var obstacle = ObstacleToWrites(live);
        if (live is null || obstacle is not null)
        {
            return new WriteResult(WriteOutcome.NotSent, StatusCode.Unavailable, $"not sent: {obstacle}", []);
        }

        using var request = EncodedWrite.Encode(_options.DeviceId, live.ElectionId, _role, updates.Span);
        if (cancellationToken.IsCancellationRequested)
        {
            return new WriteResult(WriteOutcome.NotSent, StatusCode.Cancelled, "not sent: the caller canceled", []);
        }

        live.EnterWrite();
        WriteResult result;
        try
        {
            var options = new CallOptions(deadline: Deadline(_options.WriteTimeout), cancellationToken: cancellationToken);
            using var call = live.Channel.Invoker.AsyncUnaryCall(WireMethods.Write, null, options, request);
            await call.ResponseAsync;
            return WriteResult.Success;
        }
        catch (RpcException e)
        {
            result = WriteClassifier.Classify(e, updates.Span);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // gRPC could not parse the answer, or the channel was closed during the call.
            result = new WriteResult(
                WriteOutcome.Unknown, StatusCode.Unknown, $"the Write ended without a usable answer: {RpcFault.Describe(e)}", []);
        }
        finally
        {
            live.LeaveWrite();
        }

        LogWriteFailed(updates.Length, result.Outcome, result.Errors.Count, result.Message);
        return result;
    }
}

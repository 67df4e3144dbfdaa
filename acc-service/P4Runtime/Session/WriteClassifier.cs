using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Entries;
using Google.Protobuf;
using Grpc.Core;

namespace ACCOffload.P4Runtime.Session;

/// <summary>Determines the outcome of each update of a failed Write.</summary>
internal static class WriteClassifier
{
    /// <summary>The trailer that has an error for each part of a request.</summary>
    public const string DetailsKey = "grpc-status-details-bin";

    private const string ErrorType = "/p4.v1.Error";

    public static WriteResult Classify(RpcException exception, ReadOnlySpan<EntryUpdate> updates)
    {
        var code = exception.StatusCode;
        if (RpcFault.IsAnswerTooLarge(exception))
        {
            // The peer is alive and has processed the Write; only its answer was lost.
            return new WriteResult(
                WriteOutcome.Unknown, code,
                $"the error details of the answer exceed this client's limit; send fewer updates at once: {RpcFault.Describe(exception)}",
                [], answerTooLarge: true);
        }

        // A status generated on our side says nothing about what the target did.
        var fromTarget = exception.Status.DebugException is null;
        if (fromTarget && exception.Trailers.Get(DetailsKey) is { } details)
        {
            if (Details(exception, details, updates) is { } result)
            {
                return result;
            }
        }

        return fromTarget && WriteResult.IsDefinite(code)
            ? new WriteResult(WriteOutcome.Rejected, code, $"the target refused the Write: {RpcFault.Describe(exception)}", [])
            : Unknown(code, $"it is unknown whether the Write was applied: {RpcFault.Describe(exception)}");
    }

    /// <summary>Null if the details are not about the updates.</summary>
    private static WriteResult? Details(RpcException exception, Metadata.Entry details, ReadOnlySpan<EntryUpdate> updates)
    {
        Google.Rpc.Status status;
        var reasons = new List<P4.V1.Error>(updates.Length);
        try
        {
            status = Google.Rpc.Status.Parser.ParseFrom(details.ValueBytes);
            foreach (var any in status.Details)
            {
                if (any.TypeUrl.EndsWith(ErrorType, StringComparison.Ordinal))
                {
                    reasons.Add(P4.V1.Error.Parser.ParseFrom(any.Value));
                }
            }
        }
        catch (InvalidProtocolBufferException e)
        {
            return Malformed(exception, e.Message);
        }

        if (reasons.Count == 0)
        {
            return status.Details.Count == 0 ? null : WriteResult.IsDefinite(exception.StatusCode) ? null
                : Malformed(exception, "its details are not P4Runtime errors");
        }

        if (reasons.Count != updates.Length || status.Details.Count != reasons.Count)
        {
            return Malformed(exception, $"it has {status.Details.Count} error details for {updates.Length} updates");
        }

        var errors = new List<UpdateError>();
        for (var i = 0; i < reasons.Count; i++)
        {
            var code = reasons[i].CanonicalCode is >= 0 and <= 16 ? (StatusCode)reasons[i].CanonicalCode : StatusCode.Unknown;
            if (code != StatusCode.OK)
            {
                var reason = RpcFault.OneLine(reasons[i].Message);
                var detail = reason.Length == 0 ? "" : $": {reason}";
                errors.Add(new UpdateError(
                    i, code, $"{Verb(updates[i].Kind)} {updates[i].Entry.Key}: {RpcFault.Name(code)}{detail}", reason));
            }
        }

        return errors.Count == 0
            ? Malformed(exception, "the Write failed, but all of its updates are reported as OK")
            : new WriteResult(WriteOutcome.Failed, exception.StatusCode, Summary(errors, updates.Length), errors);
    }

    private static string Summary(List<UpdateError> errors, int count) =>
        errors.Count == 1 ? errors[0].Message : $"{errors.Count} of {count} updates failed; the first: {errors[0].Message}";

    private static string Verb(UpdateKind kind) => kind switch
    {
        UpdateKind.Insert => "INSERT",
        UpdateKind.Modify => "MODIFY",
        _ => "DELETE",
    };

    private static WriteResult Malformed(RpcException exception, string what) =>
        Unknown(StatusCode.DataLoss, $"the target's answer to the Write is malformed: {what} ({RpcFault.Describe(exception)})");

    private static WriteResult Unknown(StatusCode code, string message) => new(WriteOutcome.Unknown, code, message, []);
}

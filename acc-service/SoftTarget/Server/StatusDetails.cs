using ACCOffload.SoftTarget.Server.Wire;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using P4.V1;

namespace ACCOffload.SoftTarget.Server;

/// <summary>The specification's error report: UNKNOWN, with a p4.v1.Error for each update or request in the trailers.</summary>
internal static class StatusDetails
{
    /// <summary>Trailer that carries google.rpc.Status.</summary>
    public const string TrailerName = "grpc-status-details-bin";

    private const string ErrorType = "type.googleapis.com/p4.v1.Error";

    private static readonly Any Good = new() { TypeUrl = ErrorType };

    public static RpcException ToException(Outcome[] outcomes, string what)
    {
        var failed = outcomes.Count(o => !o.IsOk);
        var message = $"{failed} of {outcomes.Length} {what} failed";
        var status = new Google.Rpc.Status { Code = (int)StatusCode.Unknown, Message = message };
        foreach (var outcome in outcomes)
        {
            status.Details.Add(outcome.IsOk ? Good : Pack(outcome));
        }

        return new RpcException(
            new Status(StatusCode.Unknown, message), new Metadata { { TrailerName, status.ToByteArray() } });
    }

    private static Any Pack(Outcome outcome) => new()
    {
        TypeUrl = ErrorType,
        Value = new Error { CanonicalCode = (int)outcome.Code, Message = outcome.Message }.ToByteString(),
    };
}

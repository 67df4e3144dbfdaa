using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Status = Grpc.Core.Status;

namespace ACCOffload.FaithfulTarget;

/// <summary>The result of one operation.</summary>
internal readonly record struct Outcome(StatusCode Code, string Message)
{
    private const string DetailsKey = "grpc-status-details-bin";

    public static Outcome Ok { get; } = new(StatusCode.OK, "");

    public bool IsOk => Code == StatusCode.OK;

    public static Outcome Invalid(string message) => new(StatusCode.InvalidArgument, message);

    public static Outcome Internal(string message) => new(StatusCode.Internal, message);

    public RpcException ToException() => new(new Status(Code, Message));

    /// <summary>The status of a partly failed request: UNKNOWN, with one error per part in the trailers.</summary>
    public static RpcException Some(string message, IEnumerable<Outcome> parts)
    {
        var status = new Google.Rpc.Status { Code = (int)StatusCode.Unknown, Message = message };
        foreach (var part in parts)
        {
            status.Details.Add(Any.Pack(new P4.V1.Error { CanonicalCode = (int)part.Code, Message = part.Message }));
        }

        return new RpcException(new Status(StatusCode.Unknown, message), new Metadata { { DetailsKey, status.ToByteArray() } });
    }
}

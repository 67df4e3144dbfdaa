using ACCOffload.P4Runtime.Channels;
using Google.Protobuf;
using Grpc.Core;

namespace ACCOffload.P4Runtime.Session;

/// <summary>Interprets failed Reads of individual entries or cells.</summary>
internal static class ReadFault
{
    /// <summary>
    /// Whether the only error is that requested objects are missing: infrap4d then fails the whole Read after sending what it found.
    /// </summary>
    public static bool IsAbsence(P4RuntimeException exception)
    {
        if (exception.InnerException is not RpcException { Status.DebugException: null } rpc)
        {
            return false;
        }

        if (rpc.Trailers.Get(WriteClassifier.DetailsKey) is not { } details)
        {
            return rpc.StatusCode == StatusCode.NotFound;
        }

        try
        {
            var errors = Google.Rpc.Status.Parser.ParseFrom(details.ValueBytes).Details
                .Select(d => P4.V1.Error.Parser.ParseFrom(d.Value).CanonicalCode).ToList();
            return errors.Contains((int)StatusCode.NotFound) && errors.TrueForAll(c => c is (int)StatusCode.OK or (int)StatusCode.NotFound);
        }
        catch (InvalidProtocolBufferException)
        {
            return false;
        }
    }
}

using ACCOffload.P4Runtime.Channels;
using Google.Protobuf;
using Grpc.Core;

namespace ACCOffload.P4Runtime.Session;

/// <summary>What a failed Read by numbers says about each of them.</summary>
internal static class ReadFault
{
    /// <summary>Whether all that is wrong is that something asked for is not there: infrap4d fails the whole Read then, after it has sent what it found.</summary>
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
            var errors = Google.Rpc.Status.Parser.ParseFrom(details.ValueBytes).Details.Select(d => P4.V1.Error.Parser.ParseFrom(d.Value).CanonicalCode).ToList();
            return errors.Contains((int)StatusCode.NotFound) && errors.TrueForAll(c => c is (int)StatusCode.OK or (int)StatusCode.NotFound);
        }
        catch (InvalidProtocolBufferException)
        {
            return false;
        }
    }
}

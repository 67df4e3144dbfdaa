using Grpc.Core;

namespace ACCOffload.P4Runtime.Channels;

/// <summary>An RPC to the target failed, or its answer was malformed. The message is one line for people.</summary>
public sealed class P4RuntimeException : Exception
{
    /// <summary>Creates the exception.</summary>
    public P4RuntimeException(StatusCode code, string message, Exception? innerException = null)
        : base(message, innerException) => Code = code;

    /// <summary>The RPC's code; DATA_LOSS for a malformed answer.</summary>
    public StatusCode Code { get; }
}

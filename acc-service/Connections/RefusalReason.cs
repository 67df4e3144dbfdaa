namespace ACCOffload.Connections;

/// <summary>Why a peer was refused. With the peer it is the key by which log lines are bounded: never made from what the peer sent.</summary>
internal enum RefusalReason
{
    /// <summary>The TLS handshake failed or timed out.</summary>
    Handshake,

    /// <summary>Its unfinished handshakes gave way to newer ones.</summary>
    UnfinishedHandshakes,

    /// <summary>Its certificate is not accepted.</summary>
    Certificate,

    /// <summary>It has too many connections.</summary>
    Connections,

    /// <summary>A request did not arrive in time.</summary>
    SlowRequest,

    /// <summary>A request was refused before a service saw it: malformed, too large, or of no method.</summary>
    UnreadRequest,

    /// <summary>A request's content was refused.</summary>
    Request,

    /// <summary>A request failed for a reason of ours.</summary>
    Failure,

    /// <summary>It is of another node.</summary>
    Node,

    /// <summary>It may not use the control socket.</summary>
    ControlCaller,
}

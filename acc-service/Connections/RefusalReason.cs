namespace ACCOffload.Connections;

/// <summary>
/// Why a peer was refused. Log lines are rate-limited per peer and reason, so a reason is a fixed value and never contains data chosen by
/// the peer.
/// </summary>
internal enum RefusalReason
{
    /// <summary>The TLS handshake failed or timed out.</summary>
    Handshake,

    /// <summary>Its unfinished handshake was closed to make room for newer connections.</summary>
    UnfinishedHandshakes,

    /// <summary>Its certificate is not accepted.</summary>
    Certificate,

    /// <summary>It has too many connections.</summary>
    Connections,

    /// <summary>A request did not arrive in time.</summary>
    SlowRequest,

    /// <summary>
    /// A request was rejected before it reached a service: malformed, too large, for an unknown method, or not permitted.
    /// </summary>
    UndispatchedRequest,

    /// <summary>The content of a request was refused.</summary>
    Request,

    /// <summary>A request failed because of an internal error.</summary>
    Failure,

    /// <summary>Its certificate is for another node.</summary>
    Node,

    /// <summary>It is not allowed to use the control socket.</summary>
    ControlCaller,
}

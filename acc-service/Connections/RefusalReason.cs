namespace ACCOffload.Connections;

/// <summary>Why a peer was refused. Log lines are limited by peer and reason, so a reason never depends on what the peer sent.</summary>
internal enum RefusalReason
{
    /// <summary>The TLS handshake failed or timed out.</summary>
    Handshake,

    /// <summary>Its unfinished handshake was closed for a newer one.</summary>
    UnfinishedHandshakes,

    /// <summary>Its certificate is not accepted.</summary>
    Certificate,

    /// <summary>It has too many connections.</summary>
    Connections,

    /// <summary>A request did not arrive in time.</summary>
    SlowRequest,

    /// <summary>A request was refused before a service saw it: malformed, too large, or for an unknown method.</summary>
    UnreadRequest,

    /// <summary>The content of a request was refused.</summary>
    Request,

    /// <summary>A request failed because of an internal error.</summary>
    Failure,

    /// <summary>It belongs to another node.</summary>
    Node,

    /// <summary>It is not allowed to use the control socket.</summary>
    ControlCaller,
}

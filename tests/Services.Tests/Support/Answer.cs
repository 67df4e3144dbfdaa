using System.Net;

namespace ACCOffload.Services.Tests.Support;

/// <summary>The result of a client's request.</summary>
/// <param name="Server">
/// The server's name, or <see cref="Refused"/>, <see cref="Reset"/>, <see cref="Unreachable"/>, <see cref="Silent"/>.
/// </param>
/// <param name="Seen">The client's endpoint as seen by the server; null if nothing answered.</param>
/// <param name="Own">The client's own endpoint.</param>
internal sealed record Answer(string Server, IPEndPoint? Seen, IPEndPoint Own)
{
    /// <summary>ECONNREFUSED.</summary>
    public const string Refused = "refused";

    /// <summary>ECONNRESET.</summary>
    public const string Reset = "reset";

    /// <summary>EHOSTUNREACH: the address is unassigned.</summary>
    public const string Unreachable = "unreachable";

    /// <summary>There was no response.</summary>
    public const string Silent = "silent";

    /// <summary>Whether the server saw the client's own address.</summary>
    public bool SourceKept => Own.Address.Equals(Seen?.Address);
}

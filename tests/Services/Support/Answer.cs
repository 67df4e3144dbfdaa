using System.Net;

namespace ACCOffload.Services.Tests.Support;

/// <summary>What a client got.</summary>
/// <param name="Who">The server's name, or <see cref="Refused"/>, <see cref="Reset"/>, <see cref="Unreachable"/>, <see cref="Silent"/>.</param>
/// <param name="Seen">Whom the server saw; null where nobody answered.</param>
/// <param name="Own">Whom the client is.</param>
internal sealed record Answer(string Who, IPEndPoint? Seen, IPEndPoint Own)
{
    /// <summary>ECONNREFUSED.</summary>
    public const string Refused = "refused";

    /// <summary>ECONNRESET.</summary>
    public const string Reset = "reset";

    /// <summary>EHOSTUNREACH: nobody has the address.</summary>
    public const string Unreachable = "unreachable";

    /// <summary>Nothing came.</summary>
    public const string Silent = "silent";

    /// <summary>Whether the server saw the client's own address.</summary>
    public bool SourceKept => Own.Address.Equals(Seen?.Address);
}

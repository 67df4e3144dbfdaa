using System.Text.RegularExpressions;

namespace ACCOffload.Daemon.Support;

/// <summary>
/// Removes what must not leave a machine from text: private keys, tokens and passwords in the forms in which files and logs have them.
/// </summary>
internal static partial class SecretFilter
{
    /// <summary>Stands for what was removed.</summary>
    public const string Removed = "[removed]";

    // A text that takes longer is not passed on at all.
    private const int LimitMilliseconds = 10_000;

    /// <exception cref="RegexMatchTimeoutException">The text takes too long.</exception>
    public static string Apply(string text)
    {
        text = PrivateKey().Replace(text, Removed);
        text = WebToken().Replace(text, Removed);
        text = Field().Replace(text, m => $"{m.Groups["name"].Value}{Removed}");
        text = Authorization().Replace(text, m => $"{m.Groups["name"].Value}{Removed}");
        return UserInfo().Replace(text, m => $"{m.Groups["scheme"].Value}{Removed}@");
    }

    // RFC 7468: PRIVATE KEY, ENCRYPTED PRIVATE KEY, RSA PRIVATE KEY, EC PRIVATE KEY. One that is cut off counts, too.
    [GeneratedRegex(@"-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(-----END [A-Z ]*PRIVATE KEY-----)?", RegexOptions.None, LimitMilliseconds)]
    private static partial Regex PrivateKey();

    // RFC 7515: a JWS of a JSON header, such as a service account's token.
    [GeneratedRegex(@"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*", RegexOptions.None, LimitMilliseconds)]
    private static partial Regex WebToken();

    // As in a kubeconfig or JSON: token: …, "password": "…", client-key-data: …
    [GeneratedRegex(
        """(?<name>["']?\b(token|password|passwd|secret|client-key-data|private-?key|api-?key)["']?\s*[:=]\s*)"""
            + """("[^"\n]*"|'[^'\n]*'|[^\s,;}]+)""",
        RegexOptions.IgnoreCase, LimitMilliseconds)]
    private static partial Regex Field();

    // RFC 6750, RFC 7617.
    [GeneratedRegex(@"(?<name>\b(Bearer|Basic)\s+)[A-Za-z0-9._~+/=-]{8,}", RegexOptions.IgnoreCase, LimitMilliseconds)]
    private static partial Regex Authorization();

    // RFC 3986, section 3.2.1: the user information of a URL.
    [GeneratedRegex(@"(?<scheme>\b[a-z][a-z0-9+.-]*://)[^\s/@""']+@", RegexOptions.IgnoreCase, LimitMilliseconds)]
    private static partial Regex UserInfo();
}

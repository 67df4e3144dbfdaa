using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace ACCOffload.TestKit.Metrics;

/// <summary>One response of a daemon's metrics endpoint.</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="ContentType">The Content-Type header.</param>
/// <param name="Text">The body.</param>
public sealed record Scrape(HttpStatusCode Status, string ContentType, string Text)
{
    public const string OpenMetrics = "application/openmetrics-text; version=1.0.0";

    /// <summary>The value of each series by its name and labels, in the response's notation.</summary>
    public IReadOnlyDictionary<string, double> Series => Text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(l => l[0] != '#')
        .ToDictionary(l => l[..l.LastIndexOf(' ')], l => Parse(l[(l.LastIndexOf(' ') + 1)..]));

    /// <summary>Name and type of each metric.</summary>
    public IReadOnlyDictionary<string, string> Types =>
        Text.Split('\n').Where(l => l.StartsWith("# TYPE ", StringComparison.Ordinal)).Select(l => l.Split(' '))
            .ToDictionary(w => w[2], w => w[3]);

    public double this[string series] =>
        Series.TryGetValue(series, out var value) ? value : throw new KeyNotFoundException($"series {series} not found in\n{Text}");

    /// <summary>GET over plain HTTP.</summary>
    public static Task<Scrape> GetAsync(int port, string accept = "", string path = "/metrics") =>
        SendAsync(new HttpClientHandler { UseProxy = false }, new Uri($"http://127.0.0.1:{port}{path}"), accept);

    /// <summary>GET over TLS, with or without a client certificate.</summary>
    /// <exception cref="HttpRequestException">The server rejected the connection.</exception>
    public static Task<Scrape> GetAsync(int port, X509Certificate2? certificate, X509Certificate2 authority,
        string accept = "") => SendAsync(
        new SocketsHttpHandler
        {
            UseProxy = false,
            SslOptions = new SslClientAuthenticationOptions
            {
                LocalCertificateSelectionCallback = certificate is null ? null : (_, _, _, _, _) => certificate,
                RemoteCertificateValidationCallback = (_, server, _, _) => server?.Issuer == authority.Subject,
            },
        },
        new Uri($"https://127.0.0.1:{port}/metrics"),
        accept);

    /// <summary>The rows of a daemon's table in docs/metrics.md, by metric.</summary>
    public static IReadOnlyDictionary<string, string[]> Documented(string root, string heading) =>
        File.ReadLines(Path.Combine(root, "docs/metrics.md"))
        .SkipWhile(l => l != heading).Skip(1).TakeWhile(l => !l.StartsWith("## ", StringComparison.Ordinal))
        .Where(l => l.StartsWith("| `", StringComparison.Ordinal)).Select(l => l.Split('|', StringSplitOptions.TrimEntries)[1..^1])
        .ToDictionary(c => c[0].Trim('`'));

    private static async Task<Scrape> SendAsync(HttpMessageHandler handler, Uri address, string accept)
    {
        using var client = new HttpClient(handler) { Timeout = TimeSpan.FromSeconds(60) };
        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        if (accept.Length > 0)
        {
            request.Headers.Accept.ParseAdd(accept);
        }

        using var response = await client.SendAsync(request);
        return new Scrape(response.StatusCode, response.Content.Headers.ContentType?.ToString() ?? "",
            await response.Content.ReadAsStringAsync());
    }

    private static double Parse(string text) => text switch
    {
        "+Inf" => double.PositiveInfinity,
        _ => double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture),
    };
}

using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using ACCOffload.InfraManager.Cluster.Objects;

namespace ACCOffload.InfraManager.Cluster.Connection;

/// <summary>
/// Requests to the API server. The kubeconfig and the files that it names are looked at before each request, so that a renewed certificate or
/// token counts from the next one on; when they have become unusable, what was read before stays. Thread-safe.
/// </summary>
internal sealed partial class ApiServerClient(KubernetesSettings settings, ReflectorOptions options, TimeProvider time, ILogger logger) : IDisposable
{
    private const int LargestError = 64 << 10;

    private readonly ILogger _logger = logger;
    private readonly Lock _lock = new();
    private Connection? _connection;
    private string _lastProblem = "";
    private int _server;
    private bool _disposed;

    /// <summary>The server asked last; null before the first request.</summary>
    public Uri? Server => _connection is { } c ? c.Config.Servers[(int)((uint)Volatile.Read(ref _server) % (uint)c.Config.Servers.Count)] : null;

    /// <summary>Sends a request and returns when the head of a successful answer is there.</summary>
    /// <exception cref="KubeconfigException">There is no usable kubeconfig.</exception>
    /// <exception cref="ApiException">The server answered with an error.</exception>
    /// <exception cref="HttpRequestException">No server could be reached; the next request asks the next one.</exception>
    /// <exception cref="TimeoutException">No answer within the limit.</exception>
    public Task<HttpResponseMessage> GetAsync(string pathAndQuery, CancellationToken cancellationToken) => RequestAsync(HttpMethod.Get, pathAndQuery, null, cancellationToken);

    /// <summary>Sends an object, and returns when the server has taken it; what it answers is not read.</summary>
    /// <inheritdoc cref="GetAsync"/>
    public async Task SendAsync(HttpMethod method, string pathAndQuery, byte[] body, string contentType, CancellationToken cancellationToken)
    {
        using var content = new ByteArrayContent(body);
        content.Headers.ContentType = new MediaTypeHeaderValue(contentType);
        using var response = await RequestAsync(method, pathAndQuery, content, cancellationToken);
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            _connection?.Client.Dispose();
        }
    }

    private async Task<HttpResponseMessage> RequestAsync(HttpMethod method, string pathAndQuery, HttpContent? content, CancellationToken cancellationToken)
    {
        var connection = Current();
        var server = Server!;
        using var request = new HttpRequestMessage(method, new Uri(server, pathAndQuery.TrimStart('/')))
        {
            Content = content,
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionOrLower,
        };
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        request.Headers.UserAgent.Add(new ProductInfoHeaderValue("accoffload-inframanager", null));
        // The name that TLS asks for, and checks, is taken from here.
        if (connection.Config.TlsServerName is { } name)
        {
            request.Headers.Host = name;
        }

        if (connection.Config.Token is { } token)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }

        using var limit = new CancellationTokenSource(options.AnswerLimit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        HttpResponseMessage? response = null;
        try
        {
            response = await connection.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, either.Token);
            if (response.StatusCode is not (HttpStatusCode.OK or HttpStatusCode.Created))
            {
                throw await ErrorOfAsync(response, either.Token);
            }

            return response;
        }
        catch (Exception e)
        {
            response?.Dispose();
            // Another server may fare better; what one refuses for our own fault, the others refuse as well.
            if (e is not ApiException { Code: < 500 } && !cancellationToken.IsCancellationRequested)
            {
                Interlocked.Increment(ref _server);
            }

            if (limit.IsCancellationRequested && !cancellationToken.IsCancellationRequested && e is OperationCanceledException or IOException)
            {
                throw new TimeoutException($"{server.Authority} does not answer within {options.AnswerLimit.TotalSeconds:0} s");
            }

            throw;
        }
    }

    /// <summary>One line on why a request failed, without .NET's own words where something better is known.</summary>
    public static string Describe(Exception e) => e switch
    {
        HttpRequestException { InnerException: System.Security.Authentication.AuthenticationException inner } => $"TLS with the API server failed: {OneLine((inner.InnerException ?? inner).Message)}",
        HttpRequestException { InnerException: SocketException inner } h => $"the API server can't be reached: {OneLine(h.Message)} ({inner.SocketErrorCode})",
        HttpRequestException or IOException => $"the connection to the API server failed: {OneLine((e.InnerException ?? e).Message)}",
        _ => OneLine(e.Message),
    };

    private static string OneLine(string text) => text.ReplaceLineEndings(" ");

    private Connection Current()
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            try
            {
                var config = KubeconfigReader.Read(settings.Kubeconfig, settings.Context, settings.Servers);
                _lastProblem = "";
                if (_connection?.Config.Stamp == config.Stamp)
                {
                    // Only the token may have changed: it needs no new connection.
                    _connection.Config = config;
                }
                else
                {
                    // Watches on the old connection end, and go on with the new credentials from where they were.
                    _connection?.Client.Dispose();
                    _connection = new Connection(config, new HttpClient(Handler(config)) { Timeout = Timeout.InfiniteTimeSpan });
                    LogConfigured(Server!, settings.Kubeconfig);
                }
            }
            catch (KubeconfigException e) when (_connection is not null)
            {
                if (_lastProblem != e.Message)
                {
                    LogNotReloaded(e.Message);
                }

                _lastProblem = e.Message;
            }
            return _connection!;
        }
    }

    private SocketsHttpHandler Handler(Kubeconfig config)
    {
        var tls = new SslClientAuthenticationOptions
        {
            CertificateChainPolicy = new X509ChainPolicy
            {
                // No revocation lists are published for a cluster's own authority.
                RevocationMode = X509RevocationMode.NoCheck,
                TrustMode = config.Authorities is null ? X509ChainTrustMode.System : X509ChainTrustMode.CustomRootTrust,
                DisableCertificateDownloads = true,
            },
        };
        tls.CertificateChainPolicy.ApplicationPolicy.Add(new System.Security.Cryptography.Oid("1.3.6.1.5.5.7.3.1"));
        if (config.Authorities is { } authorities)
        {
            tls.CertificateChainPolicy.CustomTrustStore.AddRange(authorities);
        }

        if (config.ClientCertificate is { } certificate)
        {
            tls.ClientCertificateContext = SslStreamCertificateContext.Create(certificate, config.Intermediates, offline: true);
        }

        return new SocketsHttpHandler
        {
            SslOptions = tls,
            ConnectTimeout = options.ConnectLimit,
            // A peer that is gone without a word is found out on a silent watch, too.
            KeepAlivePingDelay = TimeSpan.FromSeconds(30),
            KeepAlivePingTimeout = TimeSpan.FromSeconds(20),
            KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
            PooledConnectionIdleTimeout = TimeSpan.FromMinutes(2),
            AllowAutoRedirect = false,
            UseProxy = false,
            UseCookies = false,
            AutomaticDecompression = DecompressionMethods.GZip,
        };
    }

    private async Task<ApiException> ErrorOfAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        StatusDocument? status = null;
        try
        {
            using var body = new BodyReader(await response.Content.ReadAsStreamAsync(cancellationToken), options.BodyIdleLimit, time);
            status = JsonSerializer.Deserialize((await body.ReadAllAsync(LargestError, cancellationToken)).Span, KubeJson.Default.StatusDocument);
        }
        catch (Exception e) when (JsonFields.IsNonsense(e) || e is BodyTooLargeException or IOException or TimeoutException)
        {
            // A proxy in between answers with something else; the code says enough.
        }
        var retry = response.Headers.RetryAfter;
        return ApiException.Of(status, (int)response.StatusCode, retry?.Delta ?? (retry?.Date is { } date ? date - time.GetUtcNow() : null));
    }

    private sealed class Connection(Kubeconfig config, HttpClient client)
    {
        public volatile Kubeconfig Config = config;

        public HttpClient Client { get; } = client;
    }

    [LoggerMessage(EventId = 4001, Level = LogLevel.Information, Message = "API server {Server}, by {Kubeconfig}")]
    private partial void LogConfigured(Uri server, string kubeconfig);

    [LoggerMessage(EventId = 4002, Level = LogLevel.Warning, Message = "{Problem}; going on with what was read before")]
    private partial void LogNotReloaded(string problem);
}

/// <summary>The API server refused, by an HTTP status or within a watch. The message is one line and says what to do where that is known.</summary>
internal sealed class ApiException(int code, string reason, string message, TimeSpan? retryAfter)
    : Exception($"the API server answers {code} {reason}: {ConfigurationError.OneLine(message)}{Remedy(code)}")
{
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(5);

    public int Code { get; } = code;

    public string Reason { get; } = reason;

    /// <summary>How long the server asks to wait.</summary>
    public TimeSpan? RetryAfter { get; } = retryAfter is { } wait ? (wait < TimeSpan.Zero ? TimeSpan.Zero : wait > LongestWait ? LongestWait : wait) : null;

    /// <summary>The resource version is too old: list again.</summary>
    public bool IsExpired => Code == (int)HttpStatusCode.Gone || Reason is "Expired" or "Gone";

    public static ApiException Of(StatusDocument? status, int httpCode, TimeSpan? retryAfter = null)
    {
        var code = status?.Code is > 0 and < 1000 ? status.Code.Value : httpCode;
        var reason = string.IsNullOrEmpty(status?.Reason) ? ((HttpStatusCode)code).ToString() : ConfigurationError.OneLine(status.Reason);
        var seconds = status?.Details?.RetryAfterSeconds;
        return new ApiException(code, reason, status?.Message ?? "no message", seconds is > 0 ? TimeSpan.FromSeconds(seconds.Value) : retryAfter);
    }

    private static string Remedy(int code) => code switch
    {
        401 => "; renew the credentials in the kubeconfig",
        403 => "; apply rootfs/kubernetes/rbac.yaml to the cluster",
        _ => "",
    };
}

using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using ACCOffload.InfraManager.Cluster.Objects;

namespace ACCOffload.InfraManager.Cluster.Connection;

/// <summary>
/// Sends requests to the API server. Reads the kubeconfig and its files before each request, so that a renewed certificate or token
/// takes effect with the next request. If the files become unusable, the last good settings stay in use. Thread-safe.
/// </summary>
internal sealed partial class ApiServerClient(
    KubernetesSettings settings, ApiServerOptions options, TimeProvider time, ILogger logger) : IDisposable
{
    private const int MaxErrorBytes = 64 << 10;
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";

    private readonly ILogger _logger = logger;
    private readonly Lock _lock = new();
    private Connection? _connection;
    private string _lastProblem = "";
    private int _server;
    private bool _disposed;

    /// <summary>The server in use; null before the first request.</summary>
    public Uri? Server => _connection is { } c
        ? c.Config.Servers[(int)((uint)Volatile.Read(ref _server) % (uint)c.Config.Servers.Count)]
        : null;

    /// <summary>Sends a GET request and returns once the headers of a successful response have arrived.</summary>
    /// <exception cref="KubeconfigException">There is no usable kubeconfig.</exception>
    /// <exception cref="ApiException">The server answered with an error.</exception>
    /// <exception cref="HttpRequestException">The server could not be reached; the next request tries the next server.</exception>
    /// <exception cref="TimeoutException">No response in time.</exception>
    public Task<HttpResponseMessage> GetAsync(string pathAndQuery, CancellationToken cancellationToken) =>
        RequestAsync(HttpMethod.Get, pathAndQuery, null, cancellationToken);

    /// <summary>Sends an object and returns once the server has accepted it; the response body is not read.</summary>
    /// <inheritdoc cref="GetAsync"/>
    public async Task SendAsync(
        HttpMethod method, string pathAndQuery, byte[] body, string contentType, CancellationToken cancellationToken)
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

    private async Task<HttpResponseMessage> RequestAsync(
        HttpMethod method, string pathAndQuery, HttpContent? content, CancellationToken cancellationToken)
    {
        var connection = GetConnection();
        var server = Server!;
        using var request = new HttpRequestMessage(method, new Uri(server, pathAndQuery.TrimStart('/')))
        {
            Content = content,
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionOrLower,
        };
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        request.Headers.UserAgent.Add(new ProductInfoHeaderValue("accoffload-inframanager", null));
        // HttpClient takes the TLS server name from the Host header.
        if (connection.Config.TlsServerName is { } name)
        {
            request.Headers.Host = name;
        }

        if (connection.Config.Token is { } token)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }

        using var limit = new CancellationTokenSource(options.ResponseTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        HttpResponseMessage? response = null;
        try
        {
            response = await connection.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, either.Token);
            if (response.StatusCode is not (HttpStatusCode.OK or HttpStatusCode.Created))
            {
                throw await ReadErrorAsync(response, either.Token);
            }

            return response;
        }
        catch (Exception e)
        {
            response?.Dispose();
            // Try another server next time, unless the request itself is at fault: then every server would reject it.
            if (e is not ApiException { Code: < 500 } && !cancellationToken.IsCancellationRequested)
            {
                Interlocked.Increment(ref _server);
            }

            if (limit.IsCancellationRequested && !cancellationToken.IsCancellationRequested
                && e is OperationCanceledException or IOException)
            {
                throw new TimeoutException($"{server.Authority} did not respond within {options.ResponseTimeout.TotalSeconds:0} s");
            }

            throw;
        }
    }

    /// <summary>Explains in one line why a request failed.</summary>
    public static string Describe(Exception e) => e switch
    {
        HttpRequestException { InnerException: AuthenticationException inner } =>
            $"the TLS handshake with the API server failed: {OneLine((inner.InnerException ?? inner).Message)}",
        HttpRequestException { InnerException: SocketException inner } h =>
            $"the API server cannot be reached: {OneLine(h.Message)} ({inner.SocketErrorCode})",
        HttpRequestException or IOException => $"the connection to the API server failed: {OneLine((e.InnerException ?? e).Message)}",
        _ => OneLine(e.Message),
    };

    private static string OneLine(string text) => text.ReplaceLineEndings(" ");

    /// <summary>The connection for the next request, rebuilt if the kubeconfig has changed.</summary>
    private Connection GetConnection()
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
                    // At most the token has changed, which needs no new connection.
                    _connection.Config = config;
                }
                else
                {
                    // Watches on the old connection end and resume with the new credentials.
                    _connection?.Client.Dispose();
                    _connection = new Connection(config, new HttpClient(CreateHandler(config)) { Timeout = Timeout.InfiniteTimeSpan });
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

    private SocketsHttpHandler CreateHandler(Kubeconfig config)
    {
        var tls = new SslClientAuthenticationOptions
        {
            CertificateChainPolicy = new X509ChainPolicy
            {
                // Cluster CAs publish no revocation lists.
                RevocationMode = X509RevocationMode.NoCheck,
                TrustMode = config.Authorities is null ? X509ChainTrustMode.System : X509ChainTrustMode.CustomRootTrust,
                DisableCertificateDownloads = true,
            },
        };
        tls.CertificateChainPolicy.ApplicationPolicy.Add(new Oid(ServerAuthentication));
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
            ConnectTimeout = options.ConnectTimeout,
            // Detects a dead peer even on an idle watch.
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

    private async Task<ApiException> ReadErrorAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        StatusDocument? status = null;
        try
        {
            using var body = new BodyReader(await response.Content.ReadAsStreamAsync(cancellationToken), options.BodyIdleTimeout, time);
            status = JsonSerializer.Deserialize(
                (await body.ReadAllAsync(MaxErrorBytes, cancellationToken)).Span, KubeJson.Default.StatusDocument);
        }
        catch (Exception e) when (JsonErrors.IsInvalid(e) || e is BodyTooLargeException or IOException or TimeoutException)
        {
            // A proxy may answer with something other than a Status object; the HTTP code suffices.
        }
        var retry = response.Headers.RetryAfter;
        return ApiException.FromStatus(
            status, (int)response.StatusCode, retry?.Delta ?? (retry?.Date is { } date ? date - time.GetUtcNow() : null));
    }

    private sealed class Connection(Kubeconfig config, HttpClient client)
    {
        public volatile Kubeconfig Config = config;

        public HttpClient Client { get; } = client;
    }

    [LoggerMessage(EventId = 4001, Level = LogLevel.Information, Message = "Using API server {Server} from kubeconfig {Kubeconfig}")]
    private partial void LogConfigured(Uri server, string kubeconfig);

    [LoggerMessage(EventId = 4002, Level = LogLevel.Warning, Message = "{Problem}; the previous settings stay in use")]
    private partial void LogNotReloaded(string problem);
}

/// <summary>
/// The API server reported an error, as an HTTP status or in a watch. The message is one line and includes a remedy if one is known.
/// </summary>
internal sealed class ApiException(int code, string reason, string message, TimeSpan? retryAfter)
    : Exception($"the API server answered {code} {reason}: {ConfigurationError.OneLine(message)}{Remedy(code)}")
{
    private static readonly TimeSpan MaxRetryAfter = TimeSpan.FromMinutes(5);

    public int Code { get; } = code;

    public string Reason { get; } = reason;

    /// <summary>How long the server asks the client to wait; at most five minutes.</summary>
    public TimeSpan? RetryAfter { get; } = retryAfter is { } wait
        ? TimeSpan.FromTicks(Math.Clamp(wait.Ticks, 0, MaxRetryAfter.Ticks))
        : null;

    /// <summary>The resource version is too old; the client has to list again.</summary>
    public bool IsExpired => Code == (int)HttpStatusCode.Gone || Reason is "Expired" or "Gone";

    public static ApiException FromStatus(StatusDocument? status, int httpCode, TimeSpan? retryAfter = null)
    {
        var code = status?.Code is > 0 and < 1000 ? status.Code.Value : httpCode;
        var reason = string.IsNullOrEmpty(status?.Reason) ? ((HttpStatusCode)code).ToString() : ConfigurationError.OneLine(status.Reason);
        var seconds = status?.Details?.RetryAfterSeconds;
        return new ApiException(
            code, reason, status?.Message ?? "no message", seconds is > 0 ? TimeSpan.FromSeconds(seconds.Value) : retryAfter);
    }

    private static string Remedy(int code) => code switch
    {
        401 => "; renew the credentials in the kubeconfig",
        403 => "; apply rootfs/kubernetes/rbac.yaml to the cluster",
        _ => "",
    };
}

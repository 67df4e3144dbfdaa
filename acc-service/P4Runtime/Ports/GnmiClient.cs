using System.Globalization;
using ACCOffload.P4Runtime.Channels;
using Gnmi;
using Grpc.Core;

namespace ACCOffload.P4Runtime.Ports;

/// <summary>
/// Adds, removes and finds ports of a target through gNMI, at <c>interfaces/virtual-interface[name=X]/config</c>. Thread-safe. Reconnects
/// automatically, and with new certificates when the files change.
/// </summary>
public sealed partial class GnmiClient : IAsyncDisposable
{
    private const int MaxHeaderBytes = 64 << 10;
    private readonly TargetEndpoint _endpoint;
    private readonly TimeSpan _timeout;
    private readonly Lock _gate = new();
    private readonly CertificateCache _certificates;
    private TargetChannel? _channel;
    private bool _disposed;

    /// <summary>Creates a client; nothing is connected until the first call.</summary>
    /// <param name="endpoint">The gNMI server.</param>
    /// <param name="timeout">Time limit for each call; 10 s by default.</param>
    public GnmiClient(TargetEndpoint endpoint, TimeSpan? timeout = null)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        endpoint.Validate();
        _endpoint = endpoint;
        _certificates = new CertificateCache(endpoint);
        _timeout = timeout ?? TimeSpan.FromSeconds(10);
    }

    /// <summary>Adds the link of that name as a port of the pipeline. Also succeeds if the port already exists.</summary>
    /// <exception cref="P4RuntimeException">The RPC failed.</exception>
    public Task AddPortAsync(string name, CancellationToken cancellationToken) =>
        AddPortAsync(name, [new(GnmiPath.PortTypeLeaf, "LINK")], cancellationToken);

    /// <summary>
    /// Adds a port with the attributes that the target requires, such as <c>port-type</c> and <c>mtu</c>. Also succeeds if the port already
    /// exists.
    /// </summary>
    /// <exception cref="P4RuntimeException">The RPC failed.</exception>
    public async Task AddPortAsync(string name, IReadOnlyList<KeyValuePair<string, string>> attributes, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(attributes);
        var request = new SetRequest();
        foreach (var (attribute, value) in attributes)
        {
            // infrap4d accepts signed numbers only.
            var typed = long.TryParse(value, CultureInfo.InvariantCulture, out var number) ? new TypedValue { IntVal = number }
                : new TypedValue { StringVal = value };
            request.Update.Add(new Update { Path = GnmiPath.Config(name, attribute), Val = typed });
        }

        await CallAsync(
            $"adding port {name}", AlreadyExists, client => client.SetAsync(request, Options(cancellationToken)), cancellationToken);
    }

    /// <summary>Removes a port. Also succeeds if the port does not exist.</summary>
    /// <exception cref="P4RuntimeException">The RPC failed.</exception>
    public Task RemovePortAsync(string name, CancellationToken cancellationToken)
    {
        var request = new SetRequest { Delete = { GnmiPath.Interface(name) } };
        return CallAsync(
            $"removing port {name}", IsNotFound, client => client.SetAsync(request, Options(cancellationToken)), cancellationToken);
    }

    /// <summary>The port's number in the pipeline; null if there is no such port.</summary>
    /// <exception cref="P4RuntimeException">The RPC failed, or the answer is malformed.</exception>
    public async Task<uint?> GetPortIdAsync(string name, CancellationToken cancellationToken)
    {
        var ports = await GetNumbersAsync(name, cancellationToken);
        return ports.TryGetValue(name, out var id) ? id : null;
    }

    /// <summary>
    /// The type a port was created with, such as <c>TAP</c>; null if there is no such port (infrap4d then returns the number 0 as the
    /// type).
    /// </summary>
    /// <exception cref="P4RuntimeException">The RPC failed.</exception>
    public async Task<string?> GetPortTypeAsync(string name, CancellationToken cancellationToken)
    {
        var reply = await GetAsync($"reading the type of port {name}", name, GnmiPath.PortTypeLeaf, cancellationToken);
        return reply?.Notification.SelectMany(n => n.Update).Select(u => u.Val?.StringVal).FirstOrDefault(v => !string.IsNullOrEmpty(v));
    }

    /// <summary>All ports by name.</summary>
    /// <exception cref="P4RuntimeException">The RPC failed, or the answer is malformed.</exception>
    public async Task<IReadOnlyDictionary<string, uint>> GetPortsAsync(CancellationToken cancellationToken) =>
        await GetNumbersAsync("*", cancellationToken);

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            _disposed = true;
            _channel?.Dispose();
            _channel = null;
        }

        return ValueTask.CompletedTask;
    }

    private Task<GetResponse?> GetAsync(string what, string name, string leaf, CancellationToken cancellationToken)
    {
        var request = new GetRequest
        {
            Type = GetRequest.Types.DataType.All,
            Encoding = Encoding.Proto,
            Path = { GnmiPath.Config(name, leaf) },
        };
        return CallAsync(what, IsNotFound, client => client.GetAsync(request, Options(cancellationToken)), cancellationToken);
    }

    private async Task<Dictionary<string, uint>> GetNumbersAsync(string name, CancellationToken cancellationToken)
    {
        var what = name == "*" ? "listing the ports" : $"looking up port {name}";
        var reply = await GetAsync(what, name, GnmiPath.PortIdLeaf, cancellationToken);
        var ports = new Dictionary<string, uint>(StringComparer.Ordinal);
        foreach (var (update, prefix) in reply?.Notification.SelectMany(n => n.Update.Select(u => (u, n.Prefix))) ?? [])
        {
            var (port, leaf) = GnmiPath.Read(prefix, update.Path);
            if (leaf != GnmiPath.PortIdLeaf)
            {
                continue;
            }

            // A server may omit the key in the answer for a single port.
            ports[port ?? name] = GnmiPath.PortId(update.Val)
                ?? throw new P4RuntimeException(
                    StatusCode.DataLoss, $"{what} failed: {GnmiPath.PortIdLeaf} in the answer is not a port number");
        }

        return ports;
    }

    private CallOptions Options(CancellationToken cancellationToken) =>
        new(deadline: DateTime.UtcNow + _timeout, cancellationToken: cancellationToken);

    private static bool IsNotFound(RpcException e) => e.StatusCode == StatusCode.NotFound;

    // infrap4d never returns ALREADY_EXISTS. It says "MTU is already set or PORT is already configured" instead.
    private static bool AlreadyExists(RpcException e) =>
        e.StatusCode == StatusCode.AlreadyExists
            || (e.StatusCode == StatusCode.InvalidArgument && e.Status.Detail.Contains("already configured", StringComparison.Ordinal));

    private async Task<T?> CallAsync<T>(string what, Func<RpcException, bool> isHarmless, Func<gNMI.gNMIClient, AsyncUnaryCall<T>> call,
        CancellationToken cancellationToken)
        where T : class
    {
        try
        {
            using var started = call(new gNMI.gNMIClient(Channel().Invoker));
            return await started.ResponseAsync;
        }
        catch (RpcException e) when (e.Status.DebugException is null && isHarmless(e))
        {
            return null;
        }
        catch (RpcException e)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw RpcFault.ToException(what, e);
        }
        catch (ObjectDisposedException e) when (!_disposed)
        {
            throw new P4RuntimeException(StatusCode.Unavailable, $"{what} failed: the certificates have just changed; try again", e);
        }
    }

    private TargetChannel Channel()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            // While the files can't be used, the certificates of the existing connection are current.
            if (_channel is not null && _endpoint.CertificateStamp != _channel.Stamp && _certificates.Current().Stamp != _channel.Stamp)
            {
                // Calls in progress on the old connection are short and idempotent: they can be retried.
                _channel.Dispose();
                _channel = null;
            }

            return _channel ??= new TargetChannel(_endpoint, _certificates, _timeout, MaxHeaderBytes);
        }
    }
}

using System.Globalization;
using ACCOffload.P4Runtime.Channels;
using Gnmi;
using Grpc.Core;

namespace ACCOffload.P4Runtime.Ports;

/// <summary>
/// Adds, removes and finds ports of a target through gNMI, at <c>interfaces/virtual-interface[name=X]/config</c>. Thread-safe. Reconnects by
/// itself, with new certificates once the files have changed.
/// </summary>
public sealed partial class GnmiClient : IAsyncDisposable
{
    private const int MaxHeaderBytes = 64 << 10;
    private readonly TargetEndpoint _endpoint;
    private readonly TimeSpan _timeout;
    private readonly Lock _gate = new();
    private readonly CertificateMemory _certificates;
    private TargetChannel? _channel;
    private bool _disposed;

    /// <summary>Creates a client; nothing is connected until the first call.</summary>
    /// <param name="endpoint">The gNMI server.</param>
    /// <param name="timeout">Limit of each call; 10 s unless told.</param>
    public GnmiClient(TargetEndpoint endpoint, TimeSpan? timeout = null)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        endpoint.Validate();
        _endpoint = endpoint;
        _certificates = new CertificateMemory(endpoint);
        _timeout = timeout ?? TimeSpan.FromSeconds(10);
    }

    /// <summary>Makes a link of that name a port of the pipeline. Succeeds when it is one already.</summary>
    /// <exception cref="P4RuntimeException">The RPC failed.</exception>
    public Task AddPortAsync(string name, CancellationToken cancellationToken) => AddPortAsync(name, [new(GnmiPath.PortTypeLeaf, "LINK")], cancellationToken);

    /// <summary>Adds a port with the attributes that its target asks for, such as <c>port-type</c> and <c>mtu</c>. Succeeds when it exists.</summary>
    /// <exception cref="P4RuntimeException">The RPC failed.</exception>
    public async Task AddPortAsync(string name, IReadOnlyList<KeyValuePair<string, string>> attributes, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(attributes);
        var request = new SetRequest();
        foreach (var (attribute, value) in attributes)
        {
            // infrap4d takes numbers as signed ones only.
            var typed = long.TryParse(value, CultureInfo.InvariantCulture, out var number) ? new TypedValue { IntVal = number } : new TypedValue { StringVal = value };
            request.Update.Add(new Update { Path = GnmiPath.Config(name, attribute), Val = typed });
        }

        await CallAsync($"adding port {name}", IsThereAlready, client => client.SetAsync(request, Options(cancellationToken)), cancellationToken);
    }

    /// <summary>Removes a port. Succeeds when there is none.</summary>
    /// <exception cref="P4RuntimeException">The RPC failed.</exception>
    public Task RemovePortAsync(string name, CancellationToken cancellationToken)
    {
        var request = new SetRequest { Delete = { GnmiPath.Interface(name) } };
        return CallAsync($"removing port {name}", IsNotThere, client => client.SetAsync(request, Options(cancellationToken)), cancellationToken);
    }

    /// <summary>The number that packets of a port carry in the pipeline; null if there is no such port.</summary>
    /// <exception cref="P4RuntimeException">The RPC failed, or the answer is malformed.</exception>
    public async Task<uint?> GetPortIdAsync(string name, CancellationToken cancellationToken)
    {
        var ports = await GetNumbersAsync(name, cancellationToken);
        return ports.TryGetValue(name, out var id) ? id : null;
    }

    /// <summary>What kind a port was made as, such as <c>TAP</c>; null if it was not made. infrap4d gives the number 0 as type then.</summary>
    /// <exception cref="P4RuntimeException">The RPC failed.</exception>
    public async Task<string?> GetPortTypeAsync(string name, CancellationToken cancellationToken)
    {
        var reply = await GetAsync($"asking for the type of port {name}", name, GnmiPath.PortTypeLeaf, cancellationToken);
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
        return CallAsync(what, IsNotThere, client => client.GetAsync(request, Options(cancellationToken)), cancellationToken);
    }

    private async Task<Dictionary<string, uint>> GetNumbersAsync(string name, CancellationToken cancellationToken)
    {
        var what = name == "*" ? "listing the ports" : $"asking for port {name}";
        var reply = await GetAsync(what, name, GnmiPath.PortIdLeaf, cancellationToken);
        var ports = new Dictionary<string, uint>(StringComparer.Ordinal);
        foreach (var (update, prefix) in reply?.Notification.SelectMany(n => n.Update.Select(u => (u, n.Prefix))) ?? [])
        {
            var (port, leaf) = GnmiPath.Read(prefix, update.Path);
            if (leaf != GnmiPath.PortIdLeaf)
            {
                continue;
            }

            // A server may leave the key out where one port was asked for.
            ports[port ?? name] = GnmiPath.PortId(update.Val)
                ?? throw new P4RuntimeException(StatusCode.DataLoss, $"{what} failed: the answer's value of {GnmiPath.PortIdLeaf} is no port number");
        }

        return ports;
    }

    private CallOptions Options(CancellationToken cancellationToken) => new(deadline: DateTime.UtcNow + _timeout, cancellationToken: cancellationToken);

    private static bool IsNotThere(RpcException e) => e.StatusCode == StatusCode.NotFound;

    // infrap4d never says ALREADY_EXISTS: "MTU is already set or PORT is already configured".
    private static bool IsThereAlready(RpcException e) =>
        e.StatusCode == StatusCode.AlreadyExists || (e.StatusCode == StatusCode.InvalidArgument && e.Status.Detail.Contains("already configured", StringComparison.Ordinal));

    private async Task<T?> CallAsync<T>(string what, Func<RpcException, bool> isHarmless, Func<gNMI.gNMIClient, AsyncUnaryCall<T>> call, CancellationToken cancellationToken)
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
            throw new P4RuntimeException(StatusCode.Unavailable, $"{what} failed: the certificates changed just now; try again", e);
        }
    }

    private TargetChannel Channel()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            // While the files can't be used, those of the connection that we have are the current ones.
            if (_channel is not null && CertificateStamp.Of(_endpoint) != _channel.Stamp && _certificates.Current().Stamp != _channel.Stamp)
            {
                // Calls under way on the old connection are short and may be repeated: all of them are idempotent.
                _channel.Dispose();
                _channel = null;
            }

            return _channel ??= new TargetChannel(_endpoint, _certificates, _timeout, MaxHeaderBytes);
        }
    }
}

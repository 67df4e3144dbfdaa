using System.Collections.Concurrent;
using System.Text;
using ACCOffload.Protos;
using ACCOffload.Protos.V1;
using Google.Protobuf;
using Grpc.Core;

namespace ACCOffload.HostStub.TestKit;

/// <summary>The state of the fake ACC, and the faults that it simulates.</summary>
internal sealed class FakeAccModel
{
    private readonly Lock _lock = new();
    private readonly Dictionary<AttachmentKey, AttachRequest> _endpoints = [];
    private TaskCompletionSource _hanging = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ulong _lastSync;
    private uint _port;
    private int _probes;

    /// <summary>The names of the received RPCs, in order.</summary>
    public ConcurrentQueue<string> Calls { get; } = new();

    public RpcException? AttachFailure { get; set; }

    public RpcException? DetachFailure { get; set; }

    public RpcException? StatusFailure { get; set; }

    /// <summary>Returns why the ACC permanently rejects an attachment; null to accept it.</summary>
    public Func<AttachRequest, string?> Refusal { get; set; } = static _ => null;

    /// <summary>The number of Status requests, which <see cref="Calls"/> does not include.</summary>
    public int Probes => Volatile.Read(ref _probes);

    /// <summary>Whether Attach is applied without a reply.</summary>
    public bool HangAttach { get; set; }

    /// <summary>Whether the ACC supports host ports; an earlier release ignores them.</summary>
    public bool KnowsHostPorts { get; set; } = true;

    public bool Ready { get; set; } = true;

    /// <summary>The host-port problems that the ACC reports in every Attach reply.</summary>
    public IReadOnlyList<string> HostPortProblems { get; set; } = [];

    public byte[] Gateway { get; set; } = [169, 254, 1, 1];

    public RpcException? BeginFailure { get; set; }

    /// <summary>The current epoch; <see cref="Agent"/> began it.</summary>
    public ulong Epoch { get; private set; }

    public string Agent { get; private set; } = "";

    public IReadOnlyList<AttachRequest> Endpoints
    {
        get
        {
            lock (_lock)
            {
                return [.. _endpoints.Values];
            }
        }
    }

    public IReadOnlyList<AttachRequest> Pods => [.. Endpoints.Where(e => e.Kind == EndpointKind.Pod)];

    public void Add(AttachRequest request)
    {
        lock (_lock)
        {
            _endpoints[request.Key] = request;
        }
    }

    public void Clear()
    {
        lock (_lock)
        {
            _endpoints.Clear();
        }
    }

    /// <summary>Resets the host, like `inframanager ctl host-reset`.</summary>
    public void Reset()
    {
        lock (_lock)
        {
            _endpoints.Clear();
            (Epoch, _lastSync, Agent) = (Epoch + 1, 0, "");
        }
    }

    /// <summary>Simulates a new, empty database of the ACC.</summary>
    public void LoseDatabase()
    {
        lock (_lock)
        {
            _endpoints.Clear();
            (Epoch, _lastSync, Agent) = (0, 0, "");
        }
    }

    public BeginReply Begin(BeginRequest request)
    {
        Calls.Enqueue("Begin");
        if (BeginFailure is { } failure)
        {
            throw failure;
        }

        lock (_lock)
        {
            (Epoch, _lastSync, Agent) = (Epoch + 1, 0, request.Agent);
            return new BeginReply { Epoch = Epoch, Attachments = { _endpoints.Values } };
        }
    }

    public void ReleaseHanging()
    {
        HangAttach = false;
        Interlocked.Exchange(ref _hanging, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
    }

    public async Task<AttachReply> AttachAsync(AttachRequest request)
    {
        Calls.Enqueue("Attach");
        if (AttachFailure is { } failure)
        {
            throw failure;
        }

        uint port;
        lock (_lock)
        {
            CheckEpoch(request.Epoch);
            if (Problem(request) is { } problem)
            {
                throw new RpcException(new Status(StatusCode.InvalidArgument, problem));
            }

            if (request.Sequence < _lastSync)
            {
                throw new RpcException(new Status(StatusCode.FailedPrecondition, "sequence: older than the Sync"));
            }

            if (!_endpoints.ContainsKey(request.Key) && _endpoints.Count >= ProtocolLimits.MaxAttachments)
            {
                throw new RpcException(new Status(StatusCode.ResourceExhausted, "key: the node has the maximum number of attachments"));
            }

            foreach (var other in _endpoints.Values)
            {
                if (!other.Key.Equals(request.Key) && other.Addresses.Intersect(request.Addresses).Any())
                {
                    throw new RpcException(new Status(StatusCode.AlreadyExists, $"addresses: {other.Key.ContainerId} has it"));
                }
            }
            _endpoints[request.Key] = request;
            port = ++_port;
        }
        if (HangAttach)
        {
            await _hanging.Task;
        }

        return new AttachReply
        {
            Port = port,
            GatewayMac = ByteString.CopyFrom(2, 0xac, 0xc0, 0, 0, 1),
            Gateways = { ByteString.CopyFrom(Gateway) },
            Mtu = request.Mtu,
            HostPorts = KnowsHostPorts ? (uint)request.HostPorts.Count : 0,
            HostPortProblems = { HostPortProblems },
        };
    }

    public DetachReply Detach(DetachRequest request)
    {
        Calls.Enqueue("Detach");
        if (DetachFailure is { } failure)
        {
            throw failure;
        }

        lock (_lock)
        {
            CheckEpoch(request.Epoch);
            if (KeyProblem(request.Key) is { } problem)
            {
                throw new RpcException(new Status(StatusCode.InvalidArgument, problem));
            }

            return new DetachReply { Removed = _endpoints.Remove(request.Key) };
        }
    }

    public SyncReply Sync(SyncRequest request)
    {
        Calls.Enqueue("Sync");
        lock (_lock)
        {
            CheckEpoch(request.Epoch);
            if (request.Sequence < _lastSync)
            {
                throw new RpcException(new Status(StatusCode.FailedPrecondition, "sequence: older than the Sync"));
            }

            if (request.Attachments.Count > ProtocolLimits.MaxAttachments)
            {
                throw new RpcException(new Status(
                    StatusCode.InvalidArgument,
                    $"attachments: {request.Attachments.Count} attachments, at most {ProtocolLimits.MaxAttachments}"));
            }

            _lastSync = request.Sequence;
            var reply = new SyncReply();
            var listed = request.Attachments.Where(a => a.Key is not null).Select(a => a.Key).ToHashSet();
            foreach (var endpoint in _endpoints.Values.ToArray())
            {
                var newer = (endpoint.Epoch, endpoint.Sequence).CompareTo((request.Epoch, request.Sequence)) > 0;
                if (newer || listed.Contains(endpoint.Key))
                {
                    continue;
                }

                _endpoints.Remove(endpoint.Key);
                reply.Removed++;
            }
            for (var i = 0; i < request.Attachments.Count; i++)
            {
                var attachment = request.Attachments[i];
                if (Problem(attachment) is { } problem)
                {
                    reply.Failures.Add(new SyncFailure { Key = attachment.Key, Message = problem, Index = (uint)i });
                    continue;
                }
                if (_endpoints.ContainsKey(attachment.Key))
                {
                    reply.Kept++;
                }
                else
                {
                    reply.Added++;
                }

                _endpoints[attachment.Key] = attachment;
            }
            return reply;
        }
    }

    /// <summary>Conditions that the ACC reports in addition to the target's; null for an earlier release, which reports none.</summary>
    public IReadOnlyList<Condition>? Conditions { get; set; }

    public StatusReply Status()
    {
        Interlocked.Increment(ref _probes);
        if (StatusFailure is { } failure)
        {
            throw failure;
        }

        var reply = new StatusReply
        {
            Ready = Ready,
            Reason = Ready ? "" : "the target is unavailable",
            Version = "test",
            Endpoints = (uint)Endpoints.Count,
            Epoch = Epoch,
        };
        if (Conditions is { } conditions)
        {
            reply.Conditions.Add(new Condition { Name = "Target", Ok = Ready, PreventsAdds = !Ready });
            reply.Conditions.Add(conditions);
            if (Endpoints.FirstOrDefault(e => e.Kind == EndpointKind.Host) is { } host)
            {
                reply.HostEndpoint = new HostEndpoint { PortName = host.Device.PortName, Mac = host.Device.Mac };
            }
        }
        return reply;
    }

    private void CheckEpoch(ulong epoch)
    {
        if (epoch != Epoch)
        {
            throw new RpcException(
                new Status(StatusCode.FailedPrecondition, $"epoch: {epoch} is not the current one, which is {Epoch}; call Begin"));
        }
    }

    private string? Problem(AttachRequest item) =>
        KeyProblem(item.Key)
        ?? (item.Device?.Mac.Length != 6 ? "device.mac: not 6 bytes" : item.Addresses.Count > ProtocolLimits.MaxAddresses
            ? "addresses: too many"
            : null)
        ?? LengthProblem("pod_namespace", item.PodNamespace, ProtocolLimits.MaxNameBytes)
        ?? LengthProblem("pod_name", item.PodName, ProtocolLimits.MaxNameBytes)
        ?? LengthProblem("pod_uid", item.PodUid, ProtocolLimits.MaxNameBytes)
        ?? Refusal(item);

    private static string? KeyProblem(AttachmentKey? key) => key is null
        ? "key: missing"
        : LengthProblem("key.network", key.Network, ProtocolLimits.MaxNameBytes)
          ?? LengthProblem("key.container_id", key.ContainerId, ProtocolLimits.MaxNameBytes)
          ?? LengthProblem("key.interface_name", key.InterfaceName, ProtocolLimits.MaxPortNameBytes);

    private static string? LengthProblem(string field, string text, int max) =>
        Encoding.UTF8.GetByteCount(text) is var bytes && bytes > max ? $"{field}: {bytes} bytes, at most {max}" : null;
}

/// <summary>The RPCs.</summary>
internal sealed class FakeOffloadService(FakeAccModel model) : Offload.OffloadBase
{
    public override Task<BeginReply> Begin(BeginRequest request, ServerCallContext context) => Task.FromResult(model.Begin(request));

    public override Task<AttachReply> Attach(AttachRequest request, ServerCallContext context) => model.AttachAsync(request);

    public override Task<DetachReply> Detach(DetachRequest request, ServerCallContext context) => Task.FromResult(model.Detach(request));

    public override Task<SyncReply> Sync(SyncRequest request, ServerCallContext context) => Task.FromResult(model.Sync(request));

    public override Task<StatusReply> Status(StatusRequest request, ServerCallContext context) => Task.FromResult(model.Status());
}

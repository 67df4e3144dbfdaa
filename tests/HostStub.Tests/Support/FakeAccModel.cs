using System.Collections.Concurrent;
using ACCOffload.Protos.V1;
using Google.Protobuf;
using Grpc.Core;

namespace ACCOffload.HostStub.Tests;

/// <summary>What the fake ACC holds, and how it is to misbehave.</summary>
internal sealed class FakeAccModel
{
    private readonly Lock _lock = new();
    private readonly Dictionary<AttachmentKey, AttachRequest> _endpoints = [];
    private TaskCompletionSource _hanging = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private (ulong Epoch, ulong Sequence) _lastSync;
    private uint _port;

    /// <summary>Names of the RPCs in their order.</summary>
    public ConcurrentQueue<string> Calls { get; } = new();

    public RpcException? AttachFailure { get; set; }

    public RpcException? DetachFailure { get; set; }

    public RpcException? StatusFailure { get; set; }

    /// <summary>Attach is applied, and never answered.</summary>
    public bool HangAttach { get; set; }

    public bool Ready { get; set; } = true;

    public byte[] Gateway { get; set; } = [169, 254, 1, 1];

    public ulong LeastEpoch { get; set; }

    public IReadOnlyList<AttachRequest> Endpoints
    {
        get
        {
            lock (_lock)
                return [.. _endpoints.Values];
        }
    }

    public IReadOnlyList<AttachRequest> Pods => [.. Endpoints.Where(e => e.Kind == EndpointKind.Pod)];

    public void Add(AttachRequest request)
    {
        lock (_lock)
            _endpoints[request.Key] = request;
    }

    public void Clear()
    {
        lock (_lock)
            _endpoints.Clear();
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
            throw failure;
        uint port;
        lock (_lock)
        {
            if ((request.Epoch, request.Sequence).CompareTo(_lastSync) < 0)
                throw new RpcException(new Status(StatusCode.FailedPrecondition, "sequence: older than the Sync"));
            foreach (var other in _endpoints.Values)
            {
                if (!other.Key.Equals(request.Key) && other.Addresses.Intersect(request.Addresses).Any())
                    throw new RpcException(new Status(StatusCode.AlreadyExists, $"addresses: {other.Key.ContainerId} has it"));
            }
            _endpoints[request.Key] = request;
            port = ++_port;
        }
        if (HangAttach)
            await _hanging.Task;
        return new AttachReply { Port = port, GatewayMac = ByteString.CopyFrom(2, 0xac, 0xc0, 0, 0, 1), Gateways = { ByteString.CopyFrom(Gateway) }, Mtu = request.Mtu };
    }

    public DetachReply Detach(DetachRequest request)
    {
        Calls.Enqueue("Detach");
        if (DetachFailure is { } failure)
            throw failure;
        lock (_lock)
            return new DetachReply { Removed = _endpoints.Remove(request.Key) };
    }

    public SyncReply Sync(SyncRequest request)
    {
        Calls.Enqueue("Sync");
        lock (_lock)
        {
            if (request.Epoch < LeastEpoch || (request.Epoch, request.Sequence).CompareTo(_lastSync) < 0)
                throw new RpcException(new Status(StatusCode.FailedPrecondition, $"epoch {request.Epoch} is old"));
            _lastSync = (request.Epoch, request.Sequence);
            var reply = new SyncReply();
            var listed = request.Attachments.ToDictionary(a => a.Key);
            foreach (var endpoint in _endpoints.Values.ToArray())
            {
                bool newer = (endpoint.Epoch, endpoint.Sequence).CompareTo((request.Epoch, request.Sequence)) > 0;
                if (newer || !request.Networks.Contains(endpoint.Key.Network) || listed.ContainsKey(endpoint.Key))
                    continue;
                _endpoints.Remove(endpoint.Key);
                reply.Removed++;
            }
            foreach (var attachment in request.Attachments)
            {
                if (_endpoints.ContainsKey(attachment.Key))
                    reply.Kept++;
                else
                    reply.Added++;
                _endpoints[attachment.Key] = attachment;
            }
            return reply;
        }
    }

    /// <summary>Conditions beside the target's that the ACC tells of; null: those of an earlier release, none.</summary>
    public IReadOnlyList<Condition>? Conditions { get; set; }

    public StatusReply Status()
    {
        if (StatusFailure is { } failure)
            throw failure;
        var reply = new StatusReply { Ready = Ready, Reason = Ready ? "" : "the target is away", Version = "test", Endpoints = (uint)Endpoints.Count };
        if (Conditions is { } conditions)
        {
            reply.Conditions.Add(new Condition { Name = "Target", Ok = Ready, PreventsAdds = !Ready });
            reply.Conditions.Add(conditions);
            if (Endpoints.FirstOrDefault(e => e.Kind == EndpointKind.Host) is { } host)
                reply.HostEndpoint = new HostEndpoint { PortName = host.Device.PortName, Mac = host.Device.Mac };
        }
        return reply;
    }
}

/// <summary>The RPCs.</summary>
internal sealed class FakeOffloadService(FakeAccModel model) : Offload.OffloadBase
{
    public override Task<AttachReply> Attach(AttachRequest request, ServerCallContext context) => model.AttachAsync(request);

    public override Task<DetachReply> Detach(DetachRequest request, ServerCallContext context) => Task.FromResult(model.Detach(request));

    public override Task<SyncReply> Sync(SyncRequest request, ServerCallContext context) => Task.FromResult(model.Sync(request));

    public override Task<StatusReply> Status(StatusRequest request, ServerCallContext context) => Task.FromResult(model.Status());
}

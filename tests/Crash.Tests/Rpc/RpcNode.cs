using System.Text.Json.Nodes;
using ACCOffload.Crash.Tests.Hostile;
using ACCOffload.Crash.Tests.Targets;
using ACCOffload.Crash.Tests.Watch;
using ACCOffload.Protos.V1;
using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Targets;
using Grpc.Core;
using Grpc.Net.Client;

namespace ACCOffload.Crash.Tests.Rpc;

/// <summary>InfraManager and its target in separate processes, and a host that uses accoffload.v1 over several connections.</summary>
internal sealed class RpcNode : IAsyncDisposable
{
    // One connection carries up to a hundred concurrent requests.
    private const int Connections = 6;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(180);
    private static readonly TimeSpan SingleLimit = TimeSpan.FromSeconds(30);
    private readonly GrpcChannel[] _channels;
    private readonly GrpcChannel _control;
    private ulong _sequence;
    private AccPeers? _peers;

    private RpcNode(Lab lab, CrashTarget device)
    {
        Lab = lab;
        Device = device;
        Target = new TargetReader(lab);
        _control = Channels.Control(lab);
        _channels = [.. Enumerable.Range(0, Connections).Select(_ => Channels.Offload(lab))];
    }

    public Lab Lab { get; }

    public CrashTarget Device { get; }

    public TargetReader Target { get; }

    /// <summary>Null if there are no hostile peers.</summary>
    public HostileTraffic? Hostile { get; private set; }

    public LeakWatch Leaks { get; } = new();

    /// <summary>Null if there are no services.</summary>
    public Cluster? Cluster { get; private set; }

    /// <summary>The epoch issued by the ACC.</summary>
    public ulong Epoch { get; private set; }

    /// <param name="prepare">Changes the lab's configuration before the daemons are started.</param>
    /// <param name="pipelineDirectory">The directory of a different pipeline; null for the product's.</param>
    /// <param name="services">Whether there is a cluster with services.</param>
    /// <param name="device">Creates the target; null for the soft target.</param>
    public static async Task<RpcNode> StartAsync(
        Action<Lab, JsonObject>? prepare = null, string? pipelineDirectory = null, bool services = false,
        Func<Lab, CrashTarget>? device = null)
    {
        var lab = await Lab.StartAsync(new LabOptions { Bare = true, SeparateTarget = true, PipelineDirectory = pipelineDirectory });
        var node = new RpcNode(lab, device?.Invoke(lab) ?? new SoftCrashTarget(lab));
        try
        {
            var config = JsonNode.Parse(await File.ReadAllTextAsync(lab.ManagerConfig))!.AsObject();
            config["Node"]!["PodRanges"] = new JsonArray("10.244.0.0/16");
            if (services)
            {
                node.Cluster = await Cluster.StartAsync(lab, config);
            }

            node.Device.Prepare(config);
            prepare?.Invoke(lab, config);
            await File.WriteAllTextAsync(lab.ManagerConfig, config.ToJsonString());
            await node.Device.StartAsync();
            await lab.StartManagerAsync(waitReady: false);
            await node.SettledAsync();
            node.Epoch = (await node.Client(0).BeginAsync(new BeginRequest { Agent = "crash-test" }, deadline: Deadline())).Epoch;
            return node;
        }
        catch
        {
            await node.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts hostile peers of the ACC's API, which run until the node is disposed.</summary>
    public async Task StartHostileAsync(int seed)
    {
        _peers = await AccPeers.StartAsync(Lab, () => Epoch);
        Hostile = new HostileTraffic(_peers.Actions(), _peers.CloseAll, _peers.HasClosedAll, seed);
    }

    public ulong NextSequence() => Interlocked.Increment(ref _sequence);

    public Offload.OffloadClient Client(int request) => new(_channels[request % Connections]);

    /// <summary>Attaches a pod without retries. The caller handles a failure.</summary>
    public async Task AttachAsync(PodSpec spec, int connection = 0) =>
        await Client(connection).AttachAsync(spec.ToRequest(Epoch, NextSequence()), deadline: DateTime.UtcNow + SingleLimit);

    /// <summary>Detaches a pod without retries.</summary>
    /// <returns>Whether the ACC had it.</returns>
    public async Task<bool> DetachAsync(PodSpec spec)
    {
        var request = new DetachRequest { Key = PodSpec.KeyOf(spec.ContainerId), Epoch = Epoch, Sequence = NextSequence() };
        return (await Client(0).DetachAsync(request, deadline: DateTime.UtcNow + SingleLimit)).Removed;
    }

    /// <summary>Sends one request and records its result.</summary>
    public async Task SendAsync(Operation operation, int connection = 0)
    {
        try
        {
            if (operation.Spec is { } spec)
            {
                await Client(connection).AttachAsync(spec.ToRequest(Epoch, operation.Sequence, Device.DeviceKind), deadline: Deadline());
            }
            else
            {
                await Client(connection)
                    .DetachAsync(new DetachRequest
                    {
                        Key = PodSpec.KeyOf(operation.ContainerId),
                        Epoch = Epoch,
                        Sequence = operation.Sequence
                    }, deadline: Deadline());
            }

            operation.Answer = Answer.Acknowledged;
        }
        catch (RpcException e)
        {
            operation.Answer = AnswerOf(e);
        }
    }

    public Task<SyncReply> SyncAsync(IEnumerable<PodSpec> list)
    {
        var request = new SyncRequest { Epoch = Epoch };
        request.Attachments.AddRange(list.Select(s => s.ToRequest(Epoch, NextSequence(), Device.DeviceKind)));
        request.Sequence = NextSequence();
        return Client(0).SyncAsync(request, deadline: Deadline()).ResponseAsync;
    }

    /// <summary>Classifies a failed request as rejected or unanswered.</summary>
    public static Answer AnswerOf(RpcException e) => e switch
    {
        // The client created the status because the connection broke.
        { Status.DebugException: not null } => Answer.Unknown,
        {
            StatusCode: StatusCode.Unavailable or StatusCode.ResourceExhausted or StatusCode.FailedPrecondition
            or StatusCode.AlreadyExists
        } => Answer.Refused,
        _ => throw new InvalidOperationException($"unexpected response: {e.Status}"),
    };

    public async Task<GetStatusReply> StatusAsync() =>
        await new Control.ControlClient(_control).GetStatusAsync(new GetStatusRequest(), deadline: Deadline());

    public async Task<IReadOnlyList<PodSpec>> EndpointsAsync()
    {
        var endpoints = (await Lab.ControlAsync("endpoints"))["endpoints"]!.AsArray();
        Assert.All(endpoints, e => Assert.Equal("programmed", (string?)e!["state"]));
        return [.. endpoints.Select(e => PodSpec.FromJson(e!))];
    }

    /// <summary>Waits until InfraManager is primary, reconciled and up to date with the cluster, and has no pending writes.</summary>
    public Task SettledAsync(int seconds = 180)
    {
        var last = "no status";
        return Eventually.TrueAsync(
            async () =>
            {
                if (Lab.Manager!.HasExited)
                {
                    throw new InvalidOperationException($"InfraManager exited:\n{Lab.Manager.Log}");
                }

                try
                {
                    var status = await StatusAsync();
                    last = status.ToString();
                    return status is { TargetState: "primary", Reconciled: true, PendingEntries: 0, QueueLength: 0 }
                        && Cluster?.IsUpToDate(status) != false;
                }
                catch (RpcException e)
                {
                    last = e.Status.ToString();
                    return false;
                }
            },
            () => $"settled; {last}; inframanager's log:\n{Lab.Manager!.Log}", seconds);
    }

    /// <summary>Checks that the tables hold exactly the rows for these endpoints.</summary>
    public async Task AssertTablesEqualAsync(IReadOnlyCollection<PodSpec> pods)
    {
        if (await TableOracle.DifferenceAsync(Target, pods, services: Cluster is not null, pool: Device.Pool) is { } difference)
        {
            throw new InvalidOperationException(difference);
        }

        if (Cluster is not null && await Cluster.DifferenceAsync(Target, pods) is { } astray)
        {
            throw new InvalidOperationException(astray);
        }

        if (Device.Problem is { } problem)
        {
            throw new InvalidOperationException(problem);
        }
    }

    public async Task CheckForLeaksAsync()
    {
        // Connections of hostile peers vary; those that remain after closing them are leaks.
        using var rest = Hostile is null ? null : await Hostile.PauseAsync();
        Leaks.Sample("inframanager", Lab.Manager);
        Leaks.Sample("soft target", Device.Process);
        Leaks.CheckWal(Lab.At("inframanager.db"));
    }

    public async ValueTask DisposeAsync()
    {
        if (Hostile is not null)
        {
            await Hostile.DisposeAsync();
        }

        _peers?.Dispose();
        foreach (var channel in _channels)
        {
            channel.Dispose();
        }

        _control.Dispose();
        Target.Dispose();
        await Lab.DisposeProcessesAsync();
        await Device.DisposeAsync();
        await Lab.DisposeAsync();
        if (Cluster is not null)
        {
            await Cluster.DisposeAsync();
        }
    }

    private static DateTime Deadline() => DateTime.UtcNow + Limit;
}

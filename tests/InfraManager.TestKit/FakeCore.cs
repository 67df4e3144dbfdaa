using System.Collections.Concurrent;
using System.Net;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.Programming.Pipelines;
using ACCOffload.InfraManager.Programming.Policy;
using ACCOffload.InfraManager.Programming.Reconcile;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Peers;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.TestKit;

/// <summary>A core that records intents and returns configurable outcomes.</summary>
internal sealed class FakeCore : IProgrammer
{
    private readonly ConcurrentQueue<Intent> _intents = new();

    /// <summary>All intents that reached the core. Unauthorized requests must not appear here.</summary>
    public IReadOnlyList<Intent> Intents => [.. _intents];

    public IntentException? Refusal { get; set; }

    public bool IsHealthy { get; set; } = true;

    public List<EndpointView> StoredEndpoints { get; } = [];

    public bool Ready { get; set; } = true;

    /// <summary>Changes the status of a healthy core.</summary>
    public Func<ProgrammerStatus, ProgrammerStatus> Change { get; set; } = status => status;

    public ProgrammerStatus Status => Change(new()
    {
        Ready = Ready,
        TargetState = Ready ? TargetState.Ready : TargetState.Disconnected,
        TargetReason = Ready ? "" : "not connected",
        Endpoints = StoredEndpoints.Count,
        TableEntries = 12,
        PendingEntries = 0,
        QueueLength = 1,
        QueueBytes = 2,
        WritesSent = 3,
        UpdatesSent = 4,
        Commits = 5,
        Reconciled = Ready,
        LastReconcile = new ReconcileCounts(6, 7, 8),
        StoreProblem = "",
    });

    public IReadOnlyList<EndpointView> Endpoints => StoredEndpoints;

    public Dictionary<ServiceKey, ServiceView> StoredServices { get; } = [];

    public IReadOnlyDictionary<ServiceKey, ServiceView> Services => StoredServices;

    public SnatState Snat { get; set; } = SnatState.None;

    public IEnumerable<RemoteNodeView> RemoteNodes { get; set; } = [];

    public IEnumerable<Neighbor> Neighbors { get; set; } = [];

    public IReadOnlySet<IPAddress> NextHops { get; set; } = new HashSet<IPAddress>();

    public event Action? NextHopsChanged
    {
        add { }
        remove { }
    }

    /// <summary>The settings to validate intents against; null to skip validation.</summary>
    public NodeSettings? Node { get; set; }

    private static NodeSettings Unconfigured { get; } = new()
    {
        Name = "node-1",
        PodRanges = [],
        Gateway = IPAddress.Parse("169.254.1.1"),
        GatewayMac = MacAddress.Parse("02:ac:c0:00:00:01"),
        Profile = PipelineProfiles.K8sDp,
    };

    NodeSettings IProgrammer.Node => Node ?? Unconfigured;

    /// <summary>The policy that questions see; without one, policy is off.</summary>
    public Func<PolicyInForce>? Policy { get; set; }

    public Task<T> AskPolicyAsync<T>(Func<PolicyInForce, T> question, CancellationToken cancellationToken) => Task.FromResult(
        question(Policy?.Invoke() ?? throw new IntentException(IntentError.FailedPrecondition, "network policy is off (Policy:Source)")));

    public Task<TOutcome> SubmitAsync<TOutcome>(Intent<TOutcome> intent, CancellationToken cancellationToken)
    {
        var valid = Node is null ? intent : intent.Validate(Node);
        _intents.Enqueue(valid);
        object outcome = Refusal is not null ? throw Refusal : valid switch
        {
            AttachIntent attach => new AttachOutcome(new Endpoint(1, attach.Spec, true), 7),
            DetachIntent => new DetachOutcome(true),
            SyncIntent sync => new SyncOutcome(
                sync.Attachments.Count, 0, 1,
                [.. sync.Unreadable,
                    new SyncItemFailure(new AttachmentKey("n", "c", "eth0"), 99, IntentException.AlreadyExists("device.mac", "held"))]),
            BeginIntent => new BeginOutcome(3, "", [.. StoredEndpoints.Select(v => v.Endpoint.Spec)]),
            RemoveEndpointsIntent remove => new RemovalOutcome([.. StoredEndpoints.Select(v => v.Endpoint.Spec).Where(remove.Matches)]),
            ResetHostIntent => new RemovalOutcome([.. StoredEndpoints.Select(v => v.Endpoint.Spec)]),
            ServiceIntent => new ServiceOutcome(null),
            RemoteNodesIntent or NeighborsIntent => new PeerOutcome(),
            PolicyIntent => new PolicyOutcome(),
            SnatIntent snat => new SnatOutcome(Snat = snat.Apply(Snat)),
            _ => throw new NotSupportedException(intent.GetType().Name),
        };
        return Task.FromResult((TOutcome)outcome);
    }
}

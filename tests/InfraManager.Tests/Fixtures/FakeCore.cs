using System.Collections.Concurrent;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.State;

namespace ACCOffload.InfraManager.Tests.Fixtures;

/// <summary>A core that keeps what it is asked and answers as told.</summary>
internal sealed class FakeCore : IProgrammer
{
    private readonly ConcurrentQueue<Intent> _intents = new();

    /// <summary>Everything that reached the core: nothing must, without a right to.</summary>
    public IReadOnlyList<Intent> Intents => [.. _intents];

    public IntentException? Refusal { get; set; }

    public List<EndpointView> Held { get; } = [];

    public bool Ready { get; set; } = true;

    /// <summary>What differs from the status of a core that is well.</summary>
    public Func<ProgrammerStatus, ProgrammerStatus> Change { get; set; } = status => status;

    public ProgrammerStatus Status => Change(new()
    {
        Ready = Ready,
        TargetState = Ready ? TargetState.Ready : TargetState.Away,
        TargetReason = Ready ? "" : "not connected",
        Endpoints = Held.Count,
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

    public IReadOnlyList<EndpointView> Endpoints => Held;

    public Dictionary<ServiceKey, ServiceView> HeldServices { get; } = [];

    public IReadOnlyDictionary<ServiceKey, ServiceView> Services => HeldServices;

    public SnatState Snat { get; set; } = SnatState.None;

    public Task<AttachOutcome> AttachAsync(AttachIntent intent, CancellationToken cancellationToken) =>
        Answer(intent, new AttachOutcome(new Endpoint(1, intent.Spec, true), 7));

    public Task<DetachOutcome> DetachAsync(DetachIntent intent, CancellationToken cancellationToken) => Answer(intent, new DetachOutcome(true));

    public Task<SyncOutcome> SyncAsync(SyncIntent intent, CancellationToken cancellationToken) =>
        Answer(intent, new SyncOutcome(intent.Attachments.Count, 0, 1, [.. intent.Unreadable, new SyncItemFailure(new AttachmentKey("n", "c", "eth0"), 99, IntentException.Held("device.mac", "held"))]));

    public Task<BeginOutcome> BeginAsync(BeginIntent intent, CancellationToken cancellationToken) =>
        Answer(intent, new BeginOutcome(3, "", [.. Held.Select(v => v.Endpoint.Spec)]));

    public Task<RemovalOutcome> RemoveAsync(RemoveEndpointsIntent intent, CancellationToken cancellationToken) =>
        Answer(intent, new RemovalOutcome([.. Held.Select(v => v.Endpoint.Spec).Where(intent.Matches)]));

    public Task<RemovalOutcome> ResetAsync(ResetHostIntent intent, CancellationToken cancellationToken) =>
        Answer(intent, new RemovalOutcome([.. Held.Select(v => v.Endpoint.Spec)]));

    public Task<ServiceOutcome> SetServiceAsync(ServiceIntent intent, CancellationToken cancellationToken) => Answer(intent, new ServiceOutcome(null));

    public Task<SnatOutcome> SetSnatAsync(SnatIntent intent, CancellationToken cancellationToken) => Answer(intent, new SnatOutcome(Snat = intent.Apply(Snat)));

    private Task<T> Answer<T>(Intent intent, T outcome)
    {
        _intents.Enqueue(intent);
        return Refusal is null ? Task.FromResult(outcome) : throw Refusal;
    }
}

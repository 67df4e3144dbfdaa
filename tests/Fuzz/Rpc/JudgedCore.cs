using System.Net;
using ACCOffload.Fuzz.Engine;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.State;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.Fuzz.Rpc;

/// <summary>The core without its store and target: the product's model and its judge.</summary>
internal sealed class JudgedCore : IProgrammer
{
    private readonly Judge _judge;
    private readonly ServiceJudge _services;
    private readonly JudgeContext _context = new() { IsForeignPort = _ => false, Changed = (_, _) => { } };

    public JudgedCore()
    {
        _judge = new Judge(Model, Node);
        _judge.Begin(new BeginIntent(Node.Name, "agent"));
        Model.Forget();
        _services = new ServiceJudge(Model, Node);
    }

    /// <summary>Ranges that overlap with all that no pod may have.</summary>
    public static NodeSettings Node { get; } = new()
    {
        Name = "node-1",
        PodRanges = [.. new[] { "10.244.1.0/28", "10.96.5.0/29", "200.1.1.0/29", "192.0.2.8/29", "127.0.0.0/29", "224.0.0.0/29", "169.254.1.0/29" }.Select(IPNetwork.Parse)],
        NodeAddresses = [IPAddress.Parse("192.0.2.10")],
        HostAddresses = [IPAddress.Parse("200.1.1.2")],
        VirtualRanges = [IPNetwork.Parse("10.96.0.0/12")],
        Gateway = IPAddress.Parse("169.254.1.1"),
        GatewayMac = MacAddress.Parse("02:ac:c0:00:00:01"),
    };

    public NetworkModel Model { get; } = new();

    public ProgrammerStatus Status { get; } = new()
    {
        Ready = true,
        TargetState = TargetState.Ready,
        TargetReason = "",
        Endpoints = 0,
        TableEntries = 0,
        PendingEntries = 0,
        QueueLength = 0,
        QueueBytes = 0,
        WritesSent = 0,
        UpdatesSent = 0,
        Commits = 0,
        Reconciled = true,
        LastReconcile = ReconcileCounts.None,
        StoreProblem = "",
    };

    public IReadOnlyList<EndpointView> Endpoints => [.. Model.Endpoints.Values.Select(e => new EndpointView(e, 7, true))];

    public IReadOnlyDictionary<ServiceKey, ServiceView> Services => Model.Services.ToDictionary(s => s.Key, s => new ServiceView(s.Value, true));

    public SnatState Snat => Model.Snat.Current;

    public SyncOutcome? LastSync { get; private set; }

    public Task<AttachOutcome> AttachAsync(AttachIntent intent, CancellationToken cancellationToken) =>
        Task.FromResult(new AttachOutcome(Judged(intent, () => _judge.Attach(intent.Spec, _context)), 7));

    public Task<DetachOutcome> DetachAsync(DetachIntent intent, CancellationToken cancellationToken) =>
        Task.FromResult(new DetachOutcome(Judged(intent, () => _judge.Detach(intent))));

    public Task<SyncOutcome> SyncAsync(SyncIntent intent, CancellationToken cancellationToken) =>
        Task.FromResult(LastSync = Judged(intent, () => _judge.Sync(intent, _context)));

    public Task<BeginOutcome> BeginAsync(BeginIntent intent, CancellationToken cancellationToken) =>
        Task.FromResult(Judged(intent, () => _judge.Begin(intent)));

    public Task<RemovalOutcome> RemoveAsync(RemoveEndpointsIntent intent, CancellationToken cancellationToken) =>
        Task.FromResult(Judged(intent, () => _judge.Remove(intent)));

    public Task<RemovalOutcome> ResetAsync(ResetHostIntent intent, CancellationToken cancellationToken) =>
        Task.FromResult(Judged(intent, () => _judge.Reset(intent)));

    public Task<ServiceOutcome> SetServiceAsync(ServiceIntent intent, CancellationToken cancellationToken) =>
        Task.FromResult(Judged(intent, () => _services.Set(intent, null, _ => { })));

    public Task<SnatOutcome> SetSnatAsync(SnatIntent intent, CancellationToken cancellationToken) =>
        Task.FromResult(Judged(intent, () => _services.Set(intent, null, _ => { })));

    private T Judged<T>(Intent intent, Func<T> judge)
    {
        FuzzFailure.Unless(intent.EstimatedBytes > 0, "an intent that costs nothing");
        try
        {
            var outcome = judge();
            _services.Follow(0);
            Model.Forget();
            return outcome;
        }
        catch (IntentException)
        {
            FuzzFailure.Unless(Model.Mark == 0, "a refused intent left changes in the model");
            throw;
        }
    }
}

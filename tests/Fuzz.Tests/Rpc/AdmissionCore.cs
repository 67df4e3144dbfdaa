using System.Net;
using ACCOffload.Fuzz.Tests.Engine;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.Programming.Pipelines;
using ACCOffload.InfraManager.Programming.Policy;
using ACCOffload.InfraManager.Programming.Reconcile;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Peers;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.Fuzz.Tests.Rpc;

/// <summary>The programmer without a store or a target: only the product's model and admission rules.</summary>
internal sealed class AdmissionCore : IProgrammer
{
    private readonly AdmissionControl _admission;
    private readonly AdmissionContext _context = new();
    private readonly LocalFelixPolicies _policies = new("agent", new ProgrammerOptions().CountedRows);

    public AdmissionCore()
    {
        _admission = new AdmissionControl(Model, Node);
        _admission.Admit(new BeginIntent(Node.Name, "agent"), _context);
        _admission.Forget();
    }

    /// <summary>A node whose pod ranges overlap with every kind of address that pods may not use.</summary>
    public static NodeSettings Node { get; } = new()
    {
        Name = "node-1",
        Profile = PipelineProfiles.K8sDp,
        PodRanges = [.. new[] { "10.244.1.0/28", "10.96.5.0/29", "200.1.1.0/29", "192.0.2.8/29", "127.0.0.0/29", "224.0.0.0/29",
            "169.254.1.0/29" }.Select(IPNetwork.Parse)],
        // The first lies in a pod range, so it has no host ports.
        NodeAddresses = [IPAddress.Parse("192.0.2.10"), IPAddress.Parse("198.51.100.10")],
        HostAddresses = [IPAddress.Parse("200.1.1.2")],
        VirtualRanges = [IPNetwork.Parse("10.96.0.0/12")],
        Gateway = IPAddress.Parse("169.254.1.1"),
        GatewayMac = MacAddress.Parse("02:ac:c0:00:00:01"),
    };

    public NetworkModel Model { get; } = new();

    public bool IsHealthy => true;

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

    public IReadOnlyDictionary<ServiceKey, ServiceView> Services =>
        Model.Services.Values.ToDictionary(s => s.Key, s => new ServiceView(s, true));

    public SnatState Snat => Model.Snat.Current;

    NodeSettings IProgrammer.Node => Node;

    public SyncOutcome? LastSync { get; private set; }

    public IEnumerable<RemoteNodeView> RemoteNodes => [];

    public IEnumerable<Neighbor> Neighbors => [];

    public IReadOnlySet<IPAddress> NextHops { get; } = new HashSet<IPAddress>();

    public event Action? NextHopsChanged
    {
        add { }
        remove { }
    }

    public Task<T> AskPolicyAsync<T>(Func<PolicyInForce, T> question, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public Task<TOutcome> SubmitAsync<TOutcome>(Intent<TOutcome> intent, CancellationToken cancellationToken)
    {
        FuzzFailure.Unless(intent.EstimatedBytes > 0, "an intent without an estimated size");
        try
        {
            var valid = intent.Validate(Node);
            var admitted = _admission.Admit(valid, _context);
            TakePolicy();
            var outcome = valid.Complete(admitted, _ => 7);
            _admission.Forget();
            LastSync = outcome as SyncOutcome ?? LastSync;
            return Task.FromResult(outcome);
        }
        catch (IntentException)
        {
            FuzzFailure.Unless(Model.Mark == 0, "a rejected intent left changes in the model");
            throw;
        }
    }

    private void TakePolicy()
    {
        var intents = _admission.Felix.Taken;
        if (intents.Count > 0)
        {
            _policies.Take(intents, () => { });
            _ = _policies.Update(Model, Node);
            _policies.Publish(intents, Model, isInForce: true);
        }
    }
}

using System.Collections.Concurrent;
using System.Net;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.Programming.Policy;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Peers;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.Tests.Support;

namespace ACCOffload.InfraManager.Tests.Services;

/// <summary>A stand-in for the programmer that records services and can be made to fail.</summary>
internal sealed class RecordingServices : IProgrammer
{
    private readonly ConcurrentDictionary<ServiceKey, ServiceView> _services = new();

    public ConcurrentQueue<ServiceIntent> Intents { get; } = new();

    /// <summary>Called before an intent is applied; may throw to make it fail.</summary>
    public Func<ServiceIntent, Task> OnSubmit { get; set; } = _ => Task.CompletedTask;

    public IReadOnlyDictionary<ServiceKey, ServiceView> Services => _services;

    public bool IsHealthy => true;

    public ProgrammerStatus Status => throw new NotSupportedException();

    public IReadOnlyList<EndpointView> Endpoints => [];

    public SnatState Snat => SnatState.None;

    public NodeSettings Node { get; set; } = TestNode.Settings;

    public string Text => ServiceRendering.Render(_services.Values.Select(v => v.State.Spec).Where(s => s.Ports.Count > 0 || s.IsUnserved));

    public int InFlight { get; private set; }

    /// <summary>Adds services as if applied before a restart.</summary>
    public void AddKnown(params ServiceKey[] keys)
    {
        foreach (var key in keys)
        {
            _services[key] = View(new ServiceSpec(key, []));
        }
    }

    public bool IsKnown(ServiceKey key) => _services.ContainsKey(key);

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

    public async Task<TOutcome> SubmitAsync<TOutcome>(Intent<TOutcome> intent, CancellationToken cancellationToken)
    {
        if (intent is NodeFactsIntent facts)
        {
            Node = Node.With(facts.Apply(NodeFacts.Unknown), []);
            return (TOutcome)(object)new NodeFactsOutcome(Node);
        }

        var service = Assert.IsType<ServiceIntent>(intent);
        InFlight++;
        try
        {
            await OnSubmit(service).WaitAsync(cancellationToken);
        }
        finally
        {
            InFlight--;
        }
        Intents.Enqueue(service);
        var outcome = new ServiceOutcome(null);
        if (service.Spec is { } spec)
        {
            var view = View(spec);
            _services[service.Key] = view;
            outcome = new ServiceOutcome(view.State);
        }
        else
        {
            _services.TryRemove(service.Key, out _);
        }

        return (TOutcome)(object)outcome;
    }

    private static ServiceView View(ServiceSpec spec) => new(new ServiceState(1, spec, [], []), true);
}

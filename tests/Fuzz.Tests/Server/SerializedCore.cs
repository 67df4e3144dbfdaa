using System.Net;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.Programming.Policy;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Peers;
using ACCOffload.InfraManager.State.Services;

namespace ACCOffload.Fuzz.Tests.Server;

/// <summary>Processes one request at a time, like the programmer: a slow request delays the others.</summary>
internal sealed class SerializedCore(IProgrammer inner) : IProgrammer
{
    private readonly Lock _lock = new();

    public bool IsHealthy => inner.IsHealthy;

    public ProgrammerStatus Status => inner.Status;

    public IReadOnlyList<EndpointView> Endpoints => Do(() => inner.Endpoints);

    public IReadOnlyDictionary<ServiceKey, ServiceView> Services => Do(() => inner.Services);

    public SnatState Snat => Do(() => inner.Snat);

    public NodeSettings Node => Do(() => inner.Node);

    public IEnumerable<RemoteNodeView> RemoteNodes => inner.RemoteNodes;

    public IEnumerable<Neighbor> Neighbors => inner.Neighbors;

    public IReadOnlySet<IPAddress> NextHops => inner.NextHops;

    public event Action? NextHopsChanged
    {
        add => inner.NextHopsChanged += value;
        remove => inner.NextHopsChanged -= value;
    }

    public Task<TOutcome> SubmitAsync<TOutcome>(Intent<TOutcome> intent, CancellationToken cancellationToken) =>
        Do(() => inner.SubmitAsync(intent, cancellationToken));

    public Task<T> AskPolicyAsync<T>(Func<PolicyInForce, T> question, CancellationToken cancellationToken) =>
        Do(() => inner.AskPolicyAsync(question, cancellationToken));

    private T Do<T>(Func<T> work)
    {
        lock (_lock)
        {
            return work();
        }
    }
}
